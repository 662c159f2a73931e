//! Apprise, as a second opinion on messages: it speaks to the same services, and is used by many.

use super::Server;
use super::oracle::{Row, compare};

const ASK: &str = include_str!("../../servers/apprise/ask.py");
const TITLE: &str = "Gate";
const TEXT: &str = "It's <open>";
/// A file of as many bytes as the picture of the event has.
const PICTURE: &str = "image.jpg";
const ICON: &str = "Apprise's own picture, from its repository";

const CALL: &str = "message::send(\"out\", \"It's <open>\", #{ title: \"Gate\" })";
const SHOW: &str =
    "message::send(\"out\", \"It's <open>\", #{ title: \"Gate\", image: event.attachments[0] })";
const SMS: &str = "sms::send(\"out\", \"Gate\\r\\nIt's <open>\")";

const ROWS: &[Row] = &[
    Row {
        theirs: &[
            "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
            TITLE,
            TEXT,
        ],
        target: "[message.out]\nservice = \"discord\"\nurl = \"{fake}/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js\"",
        call: CALL,
        answers: &[(200, "{}")],
        differ: &[
            (
                "json/allowed_mentions",
                "a plate or a name such as @everyone calls nobody",
            ),
            ("json/avatar_url", ICON),
            (
                "json/content",
                "a headline in bold; Apprise's is a line like any other",
            ),
            ("json/tts", "the service's own default"),
            (
                "json/wait",
                "it belongs into the query, where ours is: in the body it does nothing",
            ),
            ("query.wait", "so that the answer says what became of it"),
        ],
    },
    Row {
        theirs: &["ntfy://127.0.0.1/house", TITLE, TEXT],
        target: "[message.out]\nservice = \"ntfy\"\nurl = \"{fake}/\"\ntopic = \"house\"",
        call: CALL,
        answers: &[(200, "{}")],
        differ: &[("header.x-icon", ICON)],
    },
    Row {
        theirs: &[
            "workflows://prod-00.westus.logic.azure.com:443/643e69f83c8944438d68119179a10a64/o2hUhU8ukXkY?image=no",
            TITLE,
            TEXT,
        ],
        target: "[message.out]\nservice = \"teams\"\nurl = \"{fake}/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=o2hUhU8ukXkY\"",
        call: CALL,
        answers: &[(202, "{}")],
        differ: &[
            (
                "json/attachments/0/content/body/0/id",
                "nothing refers to it",
            ),
            (
                "json/attachments/0/content/body/0/size",
                "a headline need not be larger than that",
            ),
            (
                "json/attachments/0/content/body/0/style",
                "bold says it, also where styles are unknown",
            ),
            (
                "json/attachments/0/content/body/0/wrap",
                "without it a long headline is cut off",
            ),
            (
                "json/attachments/0/content/body/1/id",
                "nothing refers to it",
            ),
            ("json/attachments/0/content/body/1/style", "the default"),
            (
                "json/attachments/0/content/msteams",
                "a message need not be as wide as the window",
            ),
        ],
    },
    Row {
        theirs: &[
            "tgram://123456789:abcdefg_hijklmnopqrstuvwxyzABCDEF/42/?format=text",
            TITLE,
            TEXT,
        ],
        target: "[message.out]\nservice = \"telegram\"\nurl = \"{fake}\"\ntoken = \"123456789:abcdefg_hijklmnopqrstuvwxyzABCDEF\"\nchat = \"42\"",
        call: CALL,
        answers: &[(200, r#"{"ok": true}"#)],
        differ: &[
            (
                "json/chat_id",
                "a text, because @channel is one too; Telegram takes both",
            ),
            ("json/disable_notification", "the service's own default"),
            (
                "json/disable_web_page_preview",
                "a link in a text is shown as people know it",
            ),
            (
                "json/parse_mode",
                "as HTML a `<` of a sender would be refused; ours is text as it is",
            ),
            ("json/text", "no markup, so the headline is a line"),
        ],
    },
    Row {
        theirs: &[
            "gotify://127.0.0.1/AqvYuyABCDEFGHI?priority=high",
            TITLE,
            TEXT,
        ],
        target: "[message.out]\nservice = \"gotify\"\nurl = \"{fake}\"\ntoken = \"AqvYuyABCDEFGHI\"",
        call: "message::send(\"out\", \"It's <open>\", #{ title: \"Gate\", priority: \"high\" })",
        answers: &[(200, "{}")],
        differ: &[],
    },
    Row {
        theirs: &[
            "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?priority=emergency&retry=60&expire=3600",
            TITLE,
            TEXT,
        ],
        target: "[message.out]\nservice = \"pushover\"\nurl = \"{fake}\"\ntoken = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\nuser = \"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"",
        call: "message::send(\"out\", \"It's <open>\", #{ title: \"Gate\", priority: \"urgent\" })",
        answers: &[(200, r#"{"status": 1}"#)],
        differ: &[
            ("form.device", "all devices is what saying nothing means"),
            ("form.retry", "every minute: it is an alarm"),
            ("form.sound", "the one that the person chose"),
            (
                "header.authorization",
                "the token stands in the form, where the API asks for it",
            ),
        ],
    },
    Row {
        theirs: &[
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?image=no&footer=no",
            TITLE,
            TEXT,
        ],
        target: "[message.out]\nservice = \"slack\"\nurl = \"{fake}/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ\"",
        call: CALL,
        answers: &[(200, "{}")],
        differ: &[
            (
                "json/attachments",
                "attachments are Slack's old form; text is in both its notifications and its messages",
            ),
            ("json/mrkdwn", "the service's own default"),
            ("json/text", "the headline in bold and the text"),
        ],
    },
    Row {
        theirs: &[
            "twilio://ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@15551234567/15557654321",
            TITLE,
            TEXT,
        ],
        target: "[sms.out]\ndriver = \"twilio\"\nurl = \"{fake}\"\nsid = \"ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\ntoken = \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\nfrom = \"+15551234567\"\nto = \"+15557654321\"",
        call: SMS,
        answers: &[(201, "{}")],
        differ: &[],
    },
    Row {
        theirs: &[
            "vonage://abcdef12:s3cretS3cretAAAA@15551234567/15557654321",
            TITLE,
            TEXT,
        ],
        target: "[sms.out]\ndriver = \"vonage\"\nurl = \"{fake}\"\nkey = \"abcdef12\"\nsecret = \"s3cretS3cretAAAA\"\nfrom = \"15551234567\"\nto = \"15557654321\"",
        call: SMS,
        answers: &[(200, r#"{"messages": [{"status": "0"}]}"#)],
        differ: &[
            (
                "form.ttl",
                "how long it is tried is up to the network's own default",
            ),
            (
                "form.type",
                "without it letters such as those of Kyiv arrive as question marks",
            ),
        ],
    },
    Row {
        theirs: &[
            "sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVywmNsdljF4C07D3bndi9PQJ9/us-east-2/+15557654321",
            TITLE,
            TEXT,
        ],
        target: "[sms.out]\ndriver = \"sns\"\nurl = \"{fake}\"\nregion = \"us-east-2\"\nkey = \"AHIAJGNT76XIMXDBIJYA\"\nsecret = \"bu1dHSdO22pfaaVywmNsdljF4C07D3bndi9PQJ9\"\nto = \"+15557654321\"",
        call: SMS,
        answers: &[(200, "{}")],
        differ: &[(
            "header.authorization",
            "made at another moment, over one header more; moto judges ours",
        )],
    },
    Row {
        theirs: &["ifttt://k1kkkkkkkkkkk@gate_opened", TITLE, TEXT],
        target: "[ifttt.out]\nurl = \"{fake}\"\nkey = \"k1kkkkkkkkkkk\"",
        call: "ifttt::trigger(\"out\", \"gate_opened\", #{ value1: \"Gate\", value2: \"It's <open>\", value3: \"info\" })",
        answers: &[(200, "{}")],
        differ: &[(
            "path",
            "the newer form, in which an applet gets any JSON and not three values",
        )],
    },
    Row {
        theirs: &["ntfy://127.0.0.1/house", TITLE, TEXT, PICTURE],
        target: "[message.out]\nservice = \"ntfy\"\nurl = \"{fake}/\"\ntopic = \"house\"",
        call: SHOW,
        answers: &[(200, "{}")],
        differ: &[
            ("header.content-type", "what the picture says of itself"),
            ("header.x-icon", ICON),
            (
                "method",
                "PUT, as the page on attachments has it; ntfy takes both",
            ),
        ],
    },
    Row {
        theirs: &[
            "tgram://123456789:abcdefg_hijklmnopqrstuvwxyzABCDEF/42/?format=text",
            TITLE,
            TEXT,
            PICTURE,
        ],
        target: "[message.out]\nservice = \"telegram\"\nurl = \"{fake}\"\ntoken = \"123456789:abcdefg_hijklmnopqrstuvwxyzABCDEF\"\nchat = \"42\"",
        call: SHOW,
        answers: &[(200, r#"{"ok": true}"#)],
        differ: &[
            ("part.caption", "no markup, so the headline is a line"),
            (
                "part.parse_mode",
                "as HTML a `<` of a sender would be refused",
            ),
            (
                "part.show_caption_above_media",
                "below the picture, as people know it",
            ),
            ("part.title", "no field of sendPhoto"),
        ],
    },
    Row {
        theirs: &[
            "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            TITLE,
            TEXT,
            PICTURE,
        ],
        target: "[message.out]\nservice = \"pushover\"\nurl = \"{fake}\"\ntoken = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\nuser = \"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"",
        call: SHOW,
        answers: &[(200, r#"{"status": 1}"#)],
        differ: &[
            (
                "header.authorization",
                "the token stands in the form, where the API asks for it",
            ),
            ("part.device", "all devices is what saying nothing means"),
            ("part.sound", "the one that the person chose"),
        ],
    },
];

#[test]
fn messages_agree_with_what_apprise_sends() {
    let Some(server) = Server::hold("apprise") else {
        return;
    };
    server.write("ask.py", ASK);
    server.write(PICTURE, &"x".repeat(1158));
    for row in ROWS {
        compare(&server, &["python", "ask.py"], row, false);
    }
}
