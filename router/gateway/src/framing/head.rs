//! One request head, whole: is it well-formed, and how long is the body that follows?
//!
//! Pure. It judges framing only; what headers mean is judged in `request/`.

use platform_model::Code;

/// Most header lines of one request.
pub const HEADERS_MAX: usize = 100;

/// How the body of a request is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    Length(u64),
    Chunked,
}

/// Reads a head, from the request line to the empty line, each line ended by CRLF (checked before).
///
/// # Errors
/// The code of the refusal: `ambiguous-framing`, `header-too-large`, `duplicate-header` or `bad-request`.
pub fn inspect(head: &[u8]) -> Result<BodyFraming, Code> {
    let mut lines = Lines(head);
    let http_11 = request_line(lines.next().ok_or(Code::BadRequest)?)?;
    let mut seen = Seen::default();
    for (number, line) in lines.take_while(|line| !line.is_empty()).enumerate() {
        if number == HEADERS_MAX {
            return Err(Code::HeaderTooLarge);
        }
        let (name, value) = header_line(line)?;
        seen.take(name, value)?;
    }
    seen.framing(http_11)
}

/// Lines without their CRLF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, rest) = self.0.split_at(end);
        self.0 = &rest[2..];
        Some(line)
    }
}

/// Method, one space, target, one space, version; `true` for HTTP/1.1.
fn request_line(line: &[u8]) -> Result<bool, Code> {
    let mut parts = line.split(|b| *b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Code::BadRequest);
    };
    if !is_token(method) || http::Uri::try_from(target).is_err() {
        return Err(Code::BadRequest);
    }
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err(Code::BadRequest),
    }
}

fn header_line(line: &[u8]) -> Result<(&[u8], &[u8]), Code> {
    // A line that begins with a blank continues the one before in old readings (obs-fold); a blank before the colon
    // is part of the name in some. Both are how one header is hidden in another.
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Code::AmbiguousFraming);
    }
    let colon = line.iter().position(|b| *b == b':').ok_or(Code::BadRequest)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(Code::AmbiguousFraming);
    }
    let text = |b: &u8| *b == b'\t' || (*b >= b' ' && *b != 0x7f);
    if is_token(name) && value.iter().all(text) {
        Ok((name, value))
    } else {
        Err(Code::BadRequest)
    }
}

#[derive(Default)]
struct Seen {
    length: Option<u64>,
    chunked: bool,
    host: bool,
}

impl Seen {
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Code> {
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.length.replace(length(value)?).is_some() {
                return Err(Code::AmbiguousFraming);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Code::AmbiguousFraming);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            if self.host {
                return Err(Code::DuplicateHeader);
            }
            self.host = true;
        }
        Ok(())
    }

    fn framing(self, http_11: bool) -> Result<BodyFraming, Code> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Code::AmbiguousFraming),
            (true, None) if !http_11 => Err(Code::AmbiguousFraming),
            _ if http_11 && !self.host => Err(Code::BadRequest),
            (true, None) => Ok(BodyFraming::Chunked),
            (false, length) => Ok(BodyFraming::Length(length.unwrap_or(0))),
        }
    }
}

/// Digits only: no sign, no list, no blank inside.
fn length(value: &[u8]) -> Result<u64, Code> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)
        .ok_or(Code::AmbiguousFraming)?;
    text.parse().map_err(|_| Code::AmbiguousFraming)
}

fn is_token(text: &[u8]) -> bool {
    let tchar = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !text.is_empty() && text.iter().all(tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &str) -> Result<BodyFraming, Code> {
        inspect(format!("POST /v1/x HTTP/1.1\r\nhost: a\r\n{headers}\r\n").as_bytes())
    }

    #[test]
    fn the_one_canonical_way_passes() {
        assert_eq!(of(""), Ok(BodyFraming::Length(0)));
        assert_eq!(of("Content-Length: 12\r\n"), Ok(BodyFraming::Length(12)));
        assert_eq!(of("Transfer-Encoding: Chunked\r\n"), Ok(BodyFraming::Chunked));
        assert_eq!(inspect(b"GET / HTTP/1.0\r\n\r\n"), Ok(BodyFraming::Length(0)));
    }

    #[test]
    fn every_other_way_to_say_a_length_is_refused() {
        for headers in [
            "content-length: 5\r\ncontent-length: 5\r\n",
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: 5, 5\r\n",
            "content-length: +5\r\n",
            "content-length: 0x5\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999999\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked, chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding : chunked\r\n",
            "x: y\r\n transfer-encoding: chunked\r\n",
            "\ttransfer-encoding: chunked\r\n",
        ] {
            assert_eq!(of(headers), Err(Code::AmbiguousFraming), "{headers:?}");
        }
        assert_eq!(
            inspect(b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n"),
            Err(Code::AmbiguousFraming)
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(
            inspect(b"GET / HTTP/1.1\r\n\r\n"),
            Err(Code::BadRequest),
            "no host"
        );
        for head in [
            "GET  / HTTP/1.1",
            "GET / HTTP/2.0",
            "G(T / HTTP/1.1",
            "GET /\x07 HTTP/1.1",
            "GET /",
        ] {
            assert_eq!(
                inspect(format!("{head}\r\nhost: a\r\n\r\n").as_bytes()),
                Err(Code::BadRequest),
                "{head:?}"
            );
        }
        assert_eq!(of("host: b\r\n"), Err(Code::DuplicateHeader));
        assert_eq!(of("a\0b: c\r\n"), Err(Code::BadRequest));
        assert_eq!(of(&"x: y\r\n".repeat(HEADERS_MAX)), Err(Code::HeaderTooLarge));
    }
}
