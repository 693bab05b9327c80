//! Follows the messages of one connection byte by byte and lets through only what is framed canonically.
//!
//! Pure: bytes in, checked bytes out. A head is held back until it is whole and good, so that nothing above ever
//! sees half a judgement. Chunk extensions and trailers are refused: no client of ours sends them, and they are
//! where parsers differ most.

use platform_model::Code;

use super::head::{BodyFraming, inspect};

/// A chunk size in hex has at most 16 digits.
const CHUNK_DIGITS_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between messages or inside a head.
    Head,
    /// So many bytes of the body are to come.
    Body(u64),
    /// In the line with a chunk's size.
    ChunkSize,
    ChunkData(u64),
    /// The CRLF after a chunk's data.
    ChunkEnd,
    /// The CRLF after the last chunk.
    LastEnd,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Framer {
    state: State,
    /// The head or chunk line so far; at most `head_bytes_max` and one read.
    held: Vec<u8>,
    line_start: usize,
    head_bytes_max: usize,
    /// An empty line before the request line was already forgiven (RFC 9112, 2.2).
    forgiven: bool,
    heads: u64,
}

impl Framer {
    pub fn new(head_bytes_max: usize) -> Self {
        Self {
            state: State::Head,
            held: Vec::new(),
            line_start: 0,
            head_bytes_max,
            forgiven: false,
            heads: 0,
        }
    }

    /// Whether the next byte belongs to a head: a refusal can still be answered as one.
    pub fn in_head(&self) -> bool {
        self.state == State::Head
    }

    /// How many heads have passed.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Appends to `out` what of `bytes` (and of what was held) may pass.
    ///
    /// # Errors
    /// Why the connection must end. What was appended before stays good.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Head => self.head(bytes, out)?,
                State::Body(left) => {
                    let (rest, left) = pass(bytes, left, out);
                    self.state = if left == 0 { State::Head } else { State::Body(left) };
                    rest
                }
                State::ChunkData(left) => {
                    let (rest, left) = pass(bytes, left, out);
                    self.state = if left == 0 {
                        State::ChunkEnd
                    } else {
                        State::ChunkData(left)
                    };
                    rest
                }
                State::ChunkSize | State::ChunkEnd | State::LastEnd => self.chunk_line(bytes, out)?,
            };
        }
        Ok(())
    }

    fn head<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Code> {
        let end = bytes
            .iter()
            .position(|b| *b == b'\n')
            .map_or(bytes.len(), |at| at + 1);
        let (line, rest) = bytes.split_at(end);
        if self.held.len() + line.len() > self.head_bytes_max {
            return Err(Code::HeaderTooLarge);
        }
        self.held.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            return Ok(rest);
        }
        let line = canonical_line(&self.held[self.line_start..])?;
        if !line.is_empty() {
            self.line_start = self.held.len();
        } else if self.line_start == 0 {
            if std::mem::replace(&mut self.forgiven, true) {
                return Err(Code::BadRequest);
            }
            self.held.clear();
        } else {
            self.state = match inspect(&self.held)? {
                BodyFraming::Length(0) => State::Head,
                BodyFraming::Length(length) => State::Body(length),
                BodyFraming::Chunked => State::ChunkSize,
            };
            self.heads += 1;
            self.release(out);
        }
        Ok(rest)
    }

    fn chunk_line<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Code> {
        let end = bytes
            .iter()
            .position(|b| *b == b'\n')
            .map_or(bytes.len(), |at| at + 1);
        let (line, rest) = bytes.split_at(end);
        self.held.extend_from_slice(line);
        if self.held.len() > CHUNK_DIGITS_MAX + 2 {
            return Err(Code::AmbiguousFraming);
        }
        if !line.ends_with(b"\n") {
            return Ok(rest);
        }
        let line = canonical_line(&self.held)?;
        self.state = match self.state {
            State::ChunkSize => match chunk_size(line)? {
                0 => State::LastEnd,
                size => State::ChunkData(size),
            },
            _ if !line.is_empty() => return Err(Code::AmbiguousFraming),
            State::ChunkEnd => State::ChunkSize,
            _ => State::Head,
        };
        self.release(out);
        Ok(rest)
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.line_start = 0;
        self.forgiven = false;
    }
}

fn pass<'a>(bytes: &'a [u8], left: u64, out: &mut Vec<u8>) -> (&'a [u8], u64) {
    let take = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    out.extend_from_slice(&bytes[..take]);
    (&bytes[take..], left - take as u64)
}

/// A line without its CRLF; a lone LF or CR is refused.
fn canonical_line(line: &[u8]) -> Result<&[u8], Code> {
    match line.strip_suffix(b"\r\n") {
        Some(text) if !text.contains(&b'\r') => Ok(text),
        _ => Err(Code::AmbiguousFraming),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, Code> {
    let hex = !line.is_empty() && line.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(line)
        .ok()
        .filter(|_| hex)
        .ok_or(Code::AmbiguousFraming)?;
    u64::from_str_radix(text, 16).map_err(|_| Code::AmbiguousFraming)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;

    use super::*;

    const GOOD: &[&str] = &[
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n\n\n\n\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
    ];
    const BAD: &[&str] = &[
        "GET / HTTP/1.1\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\n",
        "GET / HTTP/1.1\r\nho\rst: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n00000000000000003\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-trailer: y\r\n\r\n",
    ];

    /// Everything that passes, and the refusal if one came.
    fn run(text: &str, step: usize) -> (Vec<u8>, Option<Code>) {
        let (mut framer, mut out) = (Framer::new(1_000), Vec::new());
        for piece in text.as_bytes().chunks(step) {
            if let Err(code) = framer.push(piece, &mut out) {
                return (out, Some(code));
            }
        }
        (out, None)
    }

    #[test]
    fn what_is_canonical_passes_unchanged_however_it_arrives() {
        for text in GOOD {
            for step in [1, 2, 3, 7, 1_000] {
                let (out, refused) = run(text, step);
                assert_eq!(
                    (refused, std::str::from_utf8(&out)),
                    (None, Ok(text.trim_start())),
                    "{text:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn what_is_ambiguous_is_refused_however_it_arrives() {
        for text in BAD {
            for step in [1, 2, 3, 7, 1_000] {
                assert_eq!(
                    run(text, step).1,
                    Some(Code::AmbiguousFraming),
                    "{text:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn a_bad_head_never_passes_not_even_in_part() {
        let (out, refused) = run(
            "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost : a\r\n\r\n",
            5,
        );
        assert_eq!(refused, Some(Code::AmbiguousFraming));
        assert_eq!(out, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    }

    #[test]
    fn memory_is_bounded() {
        let endless = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(5_000));
        assert_eq!(run(&endless, 100).1, Some(Code::HeaderTooLarge));
        assert_eq!(run(&"\r\n".repeat(100), 100).1, Some(Code::BadRequest));
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_nothing_is_invented_and_memory_is_bounded(
            pieces in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::sample::select(vec![
                        "GET / HTTP/1.1\r\n", "host: a\r\n", "\r\n", "\n", "\r", "0\r\n", "5\r\nhello\r\n",
                        "content-length: 3\r\n", "transfer-encoding: chunked\r\n", "abc", " ",
                    ]).prop_map(str::to_owned),
                    "\\PC{0,20}",
                ],
                0..30,
            ),
        ) {
            let (mut framer, mut out, mut sent) = (Framer::new(100), Vec::new(), Vec::new());
            for piece in &pieces {
                sent.extend_from_slice(piece.as_bytes());
                let refused = framer.push(piece.as_bytes(), &mut out).is_err();
                proptest::prop_assert!(framer.held.len() <= 100);
                if refused {
                    break;
                }
            }
            // What passed was sent, in this order; only empty lines before a head may be missing.
            let mut left = sent.iter();
            proptest::prop_assert!(out.iter().all(|byte| left.any(|sent| sent == byte)));
        }
    }
}
