//! The signed bytes, as a template: `{id}.{timestamp}.{body}`.
//!
//! Values enter as they were sent, never formatted anew.

/// A piece of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Body,
    Timestamp,
    Id,
    Url,
    Method,
    FormSorted,
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

/// What the placeholders stand for in one delivery.
pub(crate) struct Values<'a> {
    pub body: &'a [u8],
    pub timestamp: &'a str,
    pub id: &'a str,
    pub url: &'a str,
    pub method: &'a str,
    pub form_sorted: &'a [u8],
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let Some(open) = rest.find('{') else {
                pieces.push(Piece::Literal(rest.to_owned()));
                break;
            };
            if open > 0 {
                pieces.push(Piece::Literal(rest[..open].to_owned()));
            }
            let close = rest[open..]
                .find('}')
                .ok_or_else(|| format!("`signed = \"{text}\"` has a `{{` without `}}`"))?;
            let name = &rest[open + 1..open + close];
            pieces.push(match name {
                "body" => Piece::Body,
                "timestamp" => Piece::Timestamp,
                "id" => Piece::Id,
                "url" => Piece::Url,
                "method" => Piece::Method,
                "form_sorted" => Piece::FormSorted,
                _ => {
                    return Err(format!(
                        "`signed` knows no {{{name}}}; it knows {{body}}, {{timestamp}}, {{id}}, {{url}}, {{method}} and {{form_sorted}}"
                    ));
                }
            });
            rest = &rest[open + close + 1..];
        }
        if !pieces
            .iter()
            .any(|piece| !matches!(piece, Piece::Literal(_)))
        {
            return Err(format!(
                "`signed = \"{text}\"` covers nothing of the delivery; usually it is \"{{body}}\""
            ));
        }
        Ok(Self { pieces })
    }

    pub(crate) fn has(&self, piece: &Piece) -> bool {
        self.pieces.contains(piece)
    }

    /// The template as it was written.
    pub(crate) fn text(&self) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.as_str(),
            Piece::Body => "{body}",
            Piece::Timestamp => "{timestamp}",
            Piece::Id => "{id}",
            Piece::Url => "{url}",
            Piece::Method => "{method}",
            Piece::FormSorted => "{form_sorted}",
        });
        pieces.collect()
    }

    pub(crate) fn fill<'a>(&'a self, values: &Values<'a>) -> Vec<&'a [u8]> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.as_bytes(),
                Piece::Body => values.body,
                Piece::Timestamp => values.timestamp.as_bytes(),
                Piece::Id => values.id.as_bytes(),
                Piece::Url => values.url.as_bytes(),
                Piece::Method => values.method.as_bytes(),
                Piece::FormSorted => values.form_sorted,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_covers_nothing_or_cannot_be_read_is_refused() {
        for wrong in ["", "v0", "{body", "{bdy}", "{}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
        for right in ["{body}", "v0:{timestamp}:{body}"] {
            assert_eq!(
                Template::parse(right)
                    .map(|template| template.text())
                    .as_deref(),
                Ok(right)
            );
        }
    }
}
