//! The signature base: one line per covered component, then the parameters (RFC 9421 §2).
//!
//! What stands in the address comes from the configured one; only where none is configured the
//! authority is the Host header, which the signature then covers.

use crate::rejected::{Rejected, Step};
use crate::source::Source;
use http::header::{HOST, HeaderName};
use sfv::{Dictionary, FieldType, InnerList, Item, ListEntry, Parser};

/// The derived components that a request has (§2.2), but for @query-param, which needs a name.
const DERIVED: [&str; 7] = [
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
];

/// One covered component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    name: String,
    /// The parameter of `@query-param`.
    parameter: Option<String>,
}

/// Whether a scheme may ask for it.
pub(super) fn is_component(name: &str) -> bool {
    let header = || {
        let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        lower && HeaderName::from_bytes(name.as_bytes()).is_ok()
    };
    DERIVED.contains(&name) || header()
}

impl Component {
    pub(super) fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            parameter: None,
        }
    }

    pub(super) fn is_plain(&self, name: &str) -> bool {
        self.name == name && self.parameter.is_none()
    }

    /// A component as the signature lists it.
    pub(super) fn read(item: &Item) -> Result<Self, Rejected> {
        let malformed = || {
            Rejected::new(
                Step::Malformed,
                "the signature covers a component that is not known here",
            )
        };
        let name = item.bare_item.as_string().ok_or_else(malformed)?.as_str();
        let mut params = item.params.iter();
        match (name, params.next(), params.next()) {
            ("@query-param", Some((key, value)), None) if key.as_str() == "name" => {
                let parameter = value.as_string().ok_or_else(malformed)?;
                Ok(Self {
                    name: name.to_owned(),
                    parameter: Some(parameter.as_str().to_owned()),
                })
            }
            (name, None, None) if is_component(name) => Ok(Self::plain(name)),
            _ => Err(malformed()),
        }
    }

    fn identifier(&self) -> String {
        match &self.parameter {
            Some(parameter) => format!("\"{}\";name=\"{parameter}\"", self.name),
            None => format!("\"{}\"", self.name),
        }
    }

    fn value(&self, source: &Source<'_>) -> Result<String, Rejected> {
        let delivery = source.delivery;
        let address = Address::of(&delivery.url);
        match self.name.as_str() {
            "@method" => Ok(delivery.method.as_str().to_owned()),
            "@target-uri" => address.absolute().map(|_| delivery.url.clone()),
            "@scheme" => address
                .absolute()
                .map(|(scheme, _)| scheme.to_ascii_lowercase()),
            "@authority" => match address.absolute {
                Some((scheme, authority)) => Ok(without_default_port(scheme, authority)),
                None => single(source, &HOST).map(|host| host.to_ascii_lowercase()),
            },
            "@request-target" => Ok(match address.query {
                Some(query) => format!("{}?{query}", address.path),
                None => address.path.to_owned(),
            }),
            "@path" => Ok(address.path.to_owned()),
            "@query" => Ok(format!("?{}", address.query.unwrap_or_default())),
            "@query-param" => query_parameter(
                self.parameter.as_deref().unwrap_or_default(),
                address.query.unwrap_or_default(),
            ),
            name => header(source, name),
        }
    }
}

/// The address in pieces.
struct Address<'a> {
    absolute: Option<(&'a str, &'a str)>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Address<'a> {
    fn of(url: &'a str) -> Self {
        let (absolute, rest) = match url.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                (Some((scheme, &rest[..end])), &rest[end..])
            }
            None => (None, url),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Self {
            absolute,
            path: if path.is_empty() { "/" } else { path },
            query,
        }
    }

    fn absolute(&self) -> Result<(&'a str, &'a str), Rejected> {
        self.absolute.ok_or_else(|| {
            Rejected::new(
                Step::Missing,
                "the signature covers the whole address, and the public one is not configured",
            )
        })
    }
}

fn without_default_port(scheme: &str, authority: &str) -> String {
    let default = match scheme.to_ascii_lowercase().as_str() {
        "https" => ":443",
        _ => ":80",
    };
    let authority = authority.strip_suffix(default).unwrap_or(authority);
    authority.to_ascii_lowercase()
}

fn missing(name: &str) -> Rejected {
    Rejected::new(
        Step::Missing,
        format!("the signature covers {name}, which is missing"),
    )
}

fn single(source: &Source<'_>, name: &HeaderName) -> Result<String, Rejected> {
    let mut values = source.delivery.headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| missing(name.as_str()))?;
    if values.next().is_some() {
        return Err(Rejected::new(
            Step::Ambiguous,
            format!("header {name} is there more than once"),
        ));
    }
    text(value).map(str::to_owned)
}

/// All values of a header, joined as §2.1 says.
fn header(source: &Source<'_>, name: &str) -> Result<String, Rejected> {
    let values: Result<Vec<&str>, Rejected> = source
        .delivery
        .headers
        .get_all(name)
        .iter()
        .map(text)
        .collect();
    let values = values?;
    if values.is_empty() {
        return Err(missing(name));
    }
    Ok(values.join(", "))
}

fn text(value: &http::HeaderValue) -> Result<&str, Rejected> {
    let text = value.to_str().map(str::trim);
    text.map_err(|_| Rejected::new(Step::Malformed, "a covered header is not ASCII text"))
}

fn query_parameter(name: &str, query: &str) -> Result<String, Rejected> {
    let encode = |text: &str| {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        encoded.replace('+', "%20")
    };
    let mut values =
        form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| encode(key) == name);
    let (_, value) = values.next().ok_or_else(|| missing("a query parameter"))?;
    if values.next().is_some() {
        return Err(Rejected::new(
            Step::Ambiguous,
            "a covered query parameter is there more than once",
        ));
    }
    Ok(encode(&value))
}

/// The bytes that are signed; `params` is the serialised list of components with its parameters.
pub(super) fn signature_base(
    components: &[Component],
    params: &str,
    source: &Source<'_>,
) -> Result<String, Rejected> {
    let mut base = String::new();
    for component in components {
        let value = component.value(source)?;
        base.push_str(&format!("{}: {value}\n", component.identifier()));
    }
    base.push_str(&format!("\"@signature-params\": {params}"));
    Ok(base)
}

/// The one right spelling of the list and its parameters.
pub(super) fn serialize(list: &InnerList) -> Result<String, Rejected> {
    let list = vec![ListEntry::InnerList(list.clone())];
    let text = list.serialize();
    text.ok_or_else(|| Rejected::new(Step::Malformed, "the signature's parameters are empty"))
}

/// A header that is a dictionary of structured fields.
pub(super) fn dictionary(source: &Source<'_>, name: &str) -> Result<Dictionary, Rejected> {
    let text = header(source, name).map_err(|problem| match problem.step() {
        Step::Missing => Rejected::new(Step::Missing, format!("header {name} is missing")),
        _ => problem,
    })?;
    Parser::new(&text).parse().map_err(|_| {
        Rejected::new(
            Step::Malformed,
            format!("header {name} is not a dictionary of structured fields"),
        )
    })
}
