//! A captured request: the text of an HTTP/1.1 request in a file, as a proxy, tcpdump or a person
//! wrote it down.
//!
//! The body is taken byte for byte. Lines of the head may end with CR LF or LF, because editors
//! change that; where the length of the body is not the one that the head names, it is said,
//! because that alone breaks a signature.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A head longer than this is not one: what a listener takes is a quarter of it.
const MAX_HEAD: usize = 64 * 1024;
/// Header fields, at most.
const MAX_HEADERS: usize = 256;

/// The request.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The method.
    pub method: Method,
    /// Path and query, or the whole address, as in the request line.
    pub target: String,
    /// All headers, in their order.
    pub headers: HeaderMap,
    /// The body, without the framing of chunks.
    pub body: Bytes,
    /// What is odd about the capture, in sentences.
    pub remarks: Vec<String>,
}

impl Captured {
    /// The query, without the question mark.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// Path and query, also where the request line holds the whole address.
    pub fn path_and_query(&self) -> &str {
        match self.target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => &self.target,
        }
    }
}

/// Reads a captured request.
///
/// # Errors
/// What is wrong with the capture, in one line.
pub fn read(bytes: &[u8]) -> Result<Captured, String> {
    let (head, body) = split(bytes)?;
    let head = std::str::from_utf8(head).map_err(|_| "the head is not UTF-8")?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let mut words = first.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(format!(
            "`{}` is no request line; it should read like `POST /webhook/gate HTTP/1.1`",
            first.chars().take(80).collect::<String>()
        ));
    };
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| "the request line does not begin with a method".to_owned())?;
    let headers = read_headers(lines)?;
    let mut remarks = Vec::new();
    let chunked = headers
        .get(TRANSFER_ENCODING)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().ends_with(b"chunked"));
    let body = if chunked {
        dechunk(body)?
    } else {
        cut(body, &headers, &mut remarks)
    };
    Ok(Captured {
        method,
        target: target.to_owned(),
        headers,
        body: body.into(),
        remarks,
    })
}

/// Head and body; the blank line between them belongs to neither.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let within = &bytes[..bytes.len().min(MAX_HEAD)];
    let find = |end: &[u8]| {
        let place = within.windows(end.len()).position(|window| window == end);
        place.map(|place| (place, place + end.len()))
    };
    let ends = [find(b"\r\n\r\n"), find(b"\n\n")];
    let (head, body) = ends
        .into_iter()
        .flatten()
        .min()
        .ok_or("no blank line ends the head of the request")?;
    Ok((&bytes[..head], &bytes[body..]))
}

fn read_headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let shown = || line.chars().take(40).collect::<String>();
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("`{}` is no header", shown()))?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{}` is no header", shown()))?;
        let value = HeaderValue::from_bytes(value.trim().as_bytes())
            .map_err(|_| format!("header {name} holds what no header can"))?;
        if headers.len() >= MAX_HEADERS {
            return Err(format!("there are more than {MAX_HEADERS} headers"));
        }
        headers.append(name, value);
    }
    Ok(headers)
}

/// As much of the body as the head announces.
fn cut(body: &[u8], headers: &HeaderMap, remarks: &mut Vec<String>) -> Vec<u8> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.trim().parse::<usize>().ok());
    let Some(announced) = announced else {
        return body.to_vec();
    };
    if body.len() < announced {
        remarks.push(format!(
            "the body has {} bytes, but content-length says {announced}: the capture is incomplete, or its line ends were changed",
            body.len()
        ));
    }
    if body.len() > announced {
        remarks.push(format!(
            "the file goes on for {} bytes after the {announced} that content-length names; they are left out",
            body.len() - announced
        ));
    }
    body[..announced.min(body.len())].to_vec()
}

fn dechunk(mut rest: &[u8]) -> Result<Vec<u8>, String> {
    let broken = || "the chunks of the body are broken".to_owned();
    let mut body = Vec::new();
    loop {
        let line_end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .ok_or_else(broken)?;
        let size = std::str::from_utf8(&rest[..line_end]).ok();
        let size = size.and_then(|text| text.split(';').next());
        let digits = size.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = digits.and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or_else(broken)?;
        if size == 0 {
            return Ok(body);
        }
        let data = &rest[line_end + 2..];
        body.extend_from_slice(data.get(..size).ok_or_else(broken)?);
        rest = data
            .get(size..)
            .and_then(|rest| rest.strip_prefix(b"\r\n"))
            .ok_or_else(broken)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_either_line_end() {
        for end in ["\r\n", "\n"] {
            let text = [
                "POST /webhook/gate?a=1 HTTP/1.1",
                "X-One: a",
                "X-One:b ",
                "",
                "body\n",
            ];
            let request = read(text.join(end).as_bytes()).unwrap();
            assert_eq!(request.method, "POST");
            assert_eq!(
                (request.path_and_query(), request.query()),
                ("/webhook/gate?a=1", "a=1")
            );
            assert_eq!(request.headers.get_all("x-one").iter().count(), 2);
            assert_eq!(request.body, "body\n");
        }
    }

    #[test]
    fn the_body_is_as_long_as_the_head_says() {
        let longer = read(b"POST / HTTP/1.1\nContent-Length: 2\n\n{}\n").unwrap();
        assert_eq!(
            (longer.body.as_ref(), longer.remarks.len()),
            (&b"{}"[..], 1)
        );
        let shorter = read(b"POST / HTTP/1.1\nContent-Length: 9\n\n{}").unwrap();
        assert_eq!(
            (shorter.body.as_ref(), shorter.remarks.len()),
            (&b"{}"[..], 1)
        );
        let chunked =
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n";
        assert_eq!(read(chunked).unwrap().body, "{}");
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        for wrong in [
            &b""[..],
            b"POST / HTTP/1.1\r\n",
            b"\r\n\r\n",
            b"POST\r\n\r\n",
            b"P\xffST / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nno header\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
        ] {
            assert!(read(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }
}
