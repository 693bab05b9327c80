//! A bounded walk over an XML document. A DOCTYPE is refused, so that there are no entities to expand and nothing to fetch;
//! a document that breaks off is walked up to the break.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::ImportError;

/// Elements inside of elements; workout files have 8.
const DEPTH_MAX: usize = 64;
/// Text of one element that is kept; the rest is dropped.
const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes in which the root element must begin.
const PROLOG_BYTES_MAX: usize = 64 * 1024;

/// What takes the elements of a document.
pub trait Sink {
    /// # Errors
    /// Ends the walk.
    fn open(&mut self, name: &str, element: &Element<'_>) -> Result<(), ImportError>;
    /// `text` is the element's own text, without that of its children's.
    ///
    /// # Errors
    /// Ends the walk.
    fn close(&mut self, name: &str, text: &str) -> Result<(), ImportError>;
}

/// A start tag, for its attributes.
pub struct Element<'a>(&'a BytesStart<'a>);

impl Element<'_> {
    /// The raw value of an attribute by its full name.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let attribute = self.0.try_get_attribute(name).ok()??;
        Some(attribute.value.as_ref().to_owned())
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        number(&self.attribute(name)?)
    }
}

/// How the walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    /// The document broke off or stopped being XML.
    Broken,
}

/// A finite number.
pub fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Walks the document; names come without their prefix.
///
/// # Errors
/// `Unsupported` for a DOCTYPE and for elements nested too deep; what the sink answers.
pub fn walk(bytes: &[u8], sink: &mut impl Sink) -> Result<End, ImportError> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    reader.config_mut().expand_empty_elements = true;
    let mut texts: Vec<String> = Vec::new();
    loop {
        let Ok(event) = reader.read_event() else {
            return Ok(End::Broken);
        };
        match event {
            Event::Start(element) => {
                if texts.len() == DEPTH_MAX {
                    return Err(ImportError::Unsupported {
                        reason: "the elements of the XML are nested too deep",
                    });
                }
                texts.push(String::new());
                sink.open(element.local_name().as_ref(), &Element(&element))?;
            }
            Event::End(element) => {
                let Some(text) = texts.pop() else {
                    return Ok(End::Broken);
                };
                sink.close(element.local_name().as_ref(), &text)?;
            }
            Event::Text(part) => append(texts.last_mut(), part.as_ref()),
            Event::CData(part) => append(texts.last_mut(), part.as_ref()),
            Event::GeneralRef(part) => {
                append(texts.last_mut(), resolve(part.as_ref()).as_deref().unwrap_or(""))
            }
            Event::DocType(_) => return Err(DOCTYPE),
            Event::Eof => return Ok(if texts.is_empty() { End::Whole } else { End::Broken }),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Empty(_) => {}
        }
    }
}

const DOCTYPE: ImportError = ImportError::Unsupported {
    reason: "XML with a DOCTYPE is not taken",
};

/// The root's name without its prefix; `None` if the document breaks before it.
///
/// # Errors
/// `Unsupported` for a DOCTYPE.
pub fn root_name(bytes: &[u8]) -> Result<Option<String>, ImportError> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(PROLOG_BYTES_MAX)]);
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                return Ok(Some(element.local_name().as_ref().to_owned()));
            }
            Ok(Event::DocType(_)) => return Err(DOCTYPE),
            Ok(Event::Eof) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
    }
}

fn append(into: Option<&mut String>, part: &str) {
    let Some(into) = into else { return };
    let room = TEXT_BYTES_MAX.saturating_sub(into.len());
    let end = (0..=room.min(part.len()))
        .rev()
        .find(|end| part.is_char_boundary(*end))
        .unwrap_or(0);
    into.push_str(&part[..end]);
}

/// The five names that XML knows by itself, and characters by number.
fn resolve(name: &str) -> Option<String> {
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some(character.to_string())
}
