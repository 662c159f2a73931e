//! One value out of a document, without building the rest.

use super::{JsonError, Read, Reader};
use serde_json::Value;

/// The value at the end of a path of member names and array indices, built as [`super::parse`]
/// does; `None` when nothing stands there. The whole document is checked all the same, so that a
/// path cannot lead into one that readers disagree about.
///
/// # Errors
/// The document is malformed, ambiguous or nested too deeply.
pub fn pick(text: &str, path: &[&str]) -> Result<Option<Value>, JsonError> {
    let mut reader = Reader::new(text);
    let found = step(&mut reader, path)?;
    reader.end()?;
    Ok(found)
}

fn step(reader: &mut Reader<'_>, path: &[&str]) -> Read<Option<Value>> {
    let Some((wanted, rest)) = path.split_first() else {
        return reader.value().map(Some);
    };
    let mut found = None;
    match reader.peek()? {
        b'{' => reader.object(|reader, name| {
            if name == *wanted {
                found = step(reader, rest)?;
            } else {
                reader.skip()?;
            }
            Ok(())
        })?,
        b'[' => {
            let wanted = wanted.parse::<usize>().ok();
            let mut index = 0;
            reader.array(|reader| {
                if Some(index) == wanted {
                    found = step(reader, rest)?;
                } else {
                    reader.skip()?;
                }
                index += 1;
                Ok(())
            })?;
        }
        _ => drop(reader.skip()?),
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn what_is_picked_is_what_stands_there_in_the_whole() {
        let text = r#"{"a":{"b":[{"c":1},[2,"x"],18446744073709551616]},"":{"":null},"0":"o"}"#;
        let whole = parse(text).unwrap();
        for path in [
            "",
            "a",
            "a/b",
            "a/b/0",
            "a/b/0/c",
            "a/b/1/1",
            "a/b/2",
            "a/b/3",
            "a/b/x",
            "a/b/0/c/d",
            "0",
            "x",
            "a/x/y",
            "0/o",
        ] {
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            let wanted = parts.iter().try_fold(&whole, |value, part| match value {
                Value::Object(members) => members.get(*part),
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                _ => None,
            });
            assert_eq!(pick(text, &parts), Ok(wanted.cloned()), "{path}");
        }
        assert_eq!(pick(text, &["", ""]), Ok(Some(Value::Null)));
    }

    #[test]
    fn a_document_that_is_refused_whole_is_refused_after_what_was_picked_too() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"b":{"c":1,"c":2}}"#,
            r#"{"a":1}x"#,
            r#"{"a":1"#,
            r#"{"a":1,"b":01}"#,
        ] {
            assert!(pick(text, &["a"]).is_err(), "{text}");
        }
    }
}
