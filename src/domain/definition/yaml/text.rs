//! From bytes to text: size, encoding, and characters that no definition contains.

use std::sync::Arc;

use super::super::place::{Place, Source};
use super::super::problem::Problem;

/// The largest file read, in bytes. The largest real definitions known are a few hundred kilobytes; ten times as much
/// can still be read, checked and shown within 200 MB.
pub const LARGEST: u64 = 4 * 1024 * 1024;

/// Takes a file's bytes for text.
///
/// # Errors
///
/// What keeps the bytes from being text, with its place.
pub fn text(path: &str, bytes: &[u8]) -> Result<Arc<Source>, Box<Problem>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let place = Place::file(path);
        let problem = Problem::error("encoding", "the file is UTF-16; definitions are UTF-8");
        let convert = format!("convert it: iconv -f UTF-16 -t UTF-8 {path}");
        return Err(Box::new(problem.place(place, "").help(convert)));
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let source = Arc::new(Source {
        path: path.to_owned(),
        text: String::from_utf8_lossy(bytes).into_owned(),
    });
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        let message = format!("invalid UTF-8: byte {:#04x} at offset {at}", bytes[at]);
        let place = Place::new(&source, at..at + '\u{fffd}'.len_utf8());
        let problem = Problem::error("encoding", message).place(place, "not UTF-8");
        return Err(Box::new(problem.help(
            "save the file as UTF-8; a secret or other binary value belongs in a file of its own",
        )));
    }
    if let Some(at) = source.text.find('\0') {
        let message = format!("the file contains a NUL character at offset {at}");
        let place = Place::new(&source, at..at + 1);
        let problem = Problem::error("encoding", message).place(place, "NUL");
        return Err(Box::new(
            problem.help("is this the right file? definitions are text"),
        ));
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_the_byte_order_mark_out() {
        assert_eq!(text("a", b"\xef\xbb\xbfa: 1").unwrap().text, "a: 1");
    }

    #[test]
    fn says_where_the_bytes_stop_being_text() {
        for (bytes, line, column) in [
            (b"a: 1\nb: \xff\n".as_slice(), 2, 4),
            (b"a\0".as_slice(), 1, 2),
        ] {
            let problem = text("a", bytes).unwrap_err();
            let at = problem.places[0].0.start().unwrap();
            assert_eq!((at.line, at.column), (line, column));
        }
        assert!(
            text("a", b"\xff\xfea\0")
                .unwrap_err()
                .message
                .contains("UTF-16")
        );
    }
}
