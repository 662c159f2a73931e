//! XML bodies: what cameras send becomes JSON, and what only attackers send is refused.

use crate::house::{decoded, delivery, open};
use porchlight_core::Timestamp;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

async fn read(content_type: &str, body: &[u8]) -> Result<Value, String> {
    let headers = [("content-type", content_type)];
    let outcome = decoded(&open("hmac"), delivery(&headers, "", body.to_vec()), NOW).await;
    match outcome {
        Ok(decoded) => Ok(serde_json::from_slice(&decoded.event.data).unwrap()),
        Err(unusable) => Err(format!("{} {unusable}", unusable.status().as_u16())),
    }
}

#[tokio::test]
async fn elements_become_members_and_repeated_ones_arrays() {
    for (xml, data) in [
        ("<a/>", json!({"a": ""})),
        ("<a> x </a>", json!({"a": "x"})),
        (
            "<a>x &amp; &lt;y&gt; &#233;&#x1F600;</a>",
            json!({"a": "x & <y> é😀"}),
        ),
        ("<a><![CDATA[<b>&]]></a>", json!({"a": "<b>&"})),
        (
            "<a><b>1</b><b>2</b><b/></a>",
            json!({"a": {"b": ["1", "2", ""]}}),
        ),
        (
            "<a><b>1</b><c/><b>2</b></a>",
            json!({"a": {"b": ["1", "2"], "c": ""}}),
        ),
        (r#"<a v="1">x</a>"#, json!({"a": {"@v": "1", "#text": "x"}})),
        (r#"<a v='&quot;1&#10;'/>"#, json!({"a": {"@v": "\"1\n"}})),
        ("<a>x<b/>y</a>", json!({"a": {"b": "", "#text": "xy"}})),
        (
            r#"<?xml version="1.0" encoding="UTF-8"?><!-- c --><n:a xmlns:n="urn:x" xmlns="urn:y" n:v="1"><n:b/></n:a> "#,
            json!({"a": {"@v": "1", "b": ""}}),
        ),
        (
            "<a><__proto__>1</__proto__></a>",
            json!({"a": {"__proto__": "1"}}),
        ),
    ] {
        for content_type in [
            "application/xml",
            "text/xml; charset=utf-8",
            "application/soap+xml",
        ] {
            assert_eq!(
                read(content_type, xml.as_bytes()).await,
                Ok(data.clone()),
                "{xml}"
            );
        }
    }
}

#[tokio::test]
async fn xml_without_a_type_is_known_by_its_declaration_and_other_tags_are_text() {
    let xml = b"<?xml version='1.0'?><a>1</a>";
    assert_eq!(read("", xml).await, Ok(json!({"a": "1"})));
    assert_eq!(read("", b"<b>hello</b>").await, Ok(json!("<b>hello</b>")));
}

#[tokio::test]
async fn a_doctype_and_every_entity_of_its_own_are_refused() {
    let laughs =
        r#"<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>"#;
    let file = r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
    let outside = r#"<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>"#;
    for xml in [laughs, file, outside] {
        let error = read("application/xml", xml.as_bytes()).await.unwrap_err();
        assert!(
            error.starts_with("400") && error.contains("DOCTYPE"),
            "{error}"
        );
    }
    for xml in ["<a>&x;</a>", "<a>&nbsp;</a>", r#"<a v="&x;"/>"#] {
        let error = read("application/xml", xml.as_bytes()).await.unwrap_err();
        assert!(error.contains("entity"), "{xml}: {error}");
    }
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused() {
    for xml in [
        "",
        " ",
        "x",
        "<",
        "<a",
        "<a>",
        "<a><b></a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a v=1/>",
        "<a v='1' v='2'/>",
        "<a>&</a>",
        "<a>&#0;</a>",
        "<a>&#1;</a>",
        "<a>\u{1}</a>",
        "<a>&#xD800;</a>",
        "<a v='&#0;'/>",
        "{\"a\":1}",
        "<a><![CDATA[x</a>",
        "<a><!-- </a>",
    ] {
        let outcome = read("application/xml", xml.as_bytes()).await;
        assert!(outcome.is_err(), "{xml}: {outcome:?}");
    }
}

#[tokio::test]
async fn size_depth_elements_and_attributes_are_bounded() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(read("text/xml", nested(62).as_bytes()).await.is_ok());
    let large = format!("<a>{}</a>", "x".repeat(1 << 20));
    let wide = format!("<a>{}</a>", "<b/>".repeat(20_000));
    let attributes: String = (0..65).map(|n| format!(" a{n}='1'")).collect();
    for (xml, status) in [
        (nested(63), "400"),
        (nested(100_000), "400"),
        (wide, "400"),
        (format!("<a{attributes}/>"), "400"),
        (large, "413"),
    ] {
        let error = read("text/xml", xml.as_bytes()).await.unwrap_err();
        assert!(error.starts_with(status), "{error}");
    }
}

#[tokio::test]
async fn old_charsets_are_converted_and_unknown_ones_refused() {
    let utf16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let declared = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>Tür</a>";
    let expected = json!({"a": "Tür"});
    for (content_type, body) in [
        (
            "text/xml",
            b"<?xml version='1.0' encoding='ISO-8859-1'?><a>T\xfcr</a>".to_vec(),
        ),
        ("text/xml; charset=windows-1252", b"<a>T\xfcr</a>".to_vec()),
        (
            "",
            b"\xef\xbb\xbf<?xml version='1.0'?><a>T\xc3\xbcr</a>".to_vec(),
        ),
        ("application/xml", utf16(declared)),
        ("", utf16(declared)),
    ] {
        assert_eq!(
            read(content_type, &body).await,
            Ok(expected.clone()),
            "{content_type}"
        );
    }
    let error = read("text/xml", b"<?xml version='1.0' encoding='GB2312'?><a/>").await;
    assert!(error.unwrap_err().starts_with("415"));
    let error = read("text/xml", b"<a>T\xfcr</a>").await;
    assert!(error.unwrap_err().contains("UTF-8"));
}

#[tokio::test]
async fn a_number_plate_camera_sends_its_event_beside_its_pictures() {
    let xml = "<?xml version=\"1.0\"?><EventNotificationAlert xmlns=\"urn:x\"><dateTime>2026-03-01T10:00:00+01:00</dateTime><eventType>ANPR</eventType><eventState>active</eventState><channelName>Gate</channelName><ANPR><licensePlate>abc123</licensePlate><confidenceLevel>97</confidenceLevel></ANPR></EventNotificationAlert>";
    for (kind, head) in [
        (
            "form-data",
            "Content-Disposition: form-data; name=\"anpr.xml\"; filename=\"anpr.xml\"\r\nContent-Type: text/xml\r\n",
        ),
        (
            "mixed",
            "Content-Type: application/xml; charset=\"UTF-8\"\r\n",
        ),
        (
            "form-data",
            "Content-Disposition: form-data; name=\"Event\"\r\n",
        ),
    ] {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"pic\"; filename=\"p.jpg\"\r\n\r\n\u{0}picture\r\n--b\r\n{head}\r\n{xml}\r\n--b--\r\n"
        );
        let content_type = format!("multipart/{kind}; boundary=b");
        let headers = [("content-type", content_type.as_str())];
        let event = decoded(&open("hikvision"), delivery(&headers, "", body), NOW).await;
        let event = event.unwrap().event;
        assert_eq!(event.kind, "hikvision.anpr");
        assert_eq!(event.time, "2026-03-01T09:00:00Z");
        assert_eq!(event.facts["camera"], json!("Gate"));
        assert_eq!(
            event.facts["plates"],
            json!([{"text": "ABC123", "score": "97"}])
        );
        assert_eq!(event.attachments.len(), 1);
    }
}
