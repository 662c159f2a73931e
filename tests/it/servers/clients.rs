//! The clients that vendors give out, or that many use: asked for the same text message, ticket or
//! row, what would they send?

use super::Server;
use super::oracle::{Row, compare};
use crate::fake::{Asked, Fake};
use crate::house::{House, gate_config};
use serde_json::Value;

const ASK: &str = include_str!("../../servers/clients/ask.py");

const ROWS: &[Row] = &[
    Row {
        theirs: &["twilio"],
        target: "[sms.me]\ndriver = \"twilio\"\nurl = \"{fake}\"\nsid = \"AC1\"\ntoken = \"t0k\"\nfrom = \"+15551234567\"\nto = \"+15005550006\"",
        call: "sms::send(\"me\", \"Gäste & <open> 🚗\")",
        answers: &[(201, "{}")],
        differ: &[],
    },
    Row {
        theirs: &["vonage"],
        target: "[sms.guard]\ndriver = \"vonage\"\nurl = \"{fake}\"\nkey = \"abcdef12\"\nsecret = \"s3cretS3cret\"\nfrom = \"House\"\nto = \"15557654321\"",
        call: "sms::send(\"guard\", \"Gäste & <open>\")",
        answers: &[(
            200,
            r#"{"message-count": "1", "messages": [{"status": "0", "to": "15557654321", "message-id": "1", "remaining-balance": "1", "message-price": "1", "network": "1"}]}"#,
        )],
        differ: &[
            (
                "form.api_",
                "both are taken; in the form, as the SMS API's own page says",
            ),
            ("header.authorization", "see above"),
        ],
    },
    Row {
        theirs: &["pushover"],
        target: "[message.alarm]\nservice = \"pushover\"\nurl = \"{fake}\"\ntoken = \"app\"\nuser = \"me\"",
        call: "message::send(\"alarm\", \"Water & <gas>\", #{ title: \"Cellar\", priority: \"urgent\", link: \"http://192.0.2.1/?a=1&b=2\" })",
        answers: &[(200, r#"{"status": 1, "request": "r", "receipt": "x"}"#)],
        differ: &[(
            "form.html",
            "the service's own default, in a form it doesn't name",
        )],
    },
    Row {
        theirs: &["github"],
        target: "[ticket.code]\nservice = \"github\"\nurl = \"{fake}\"\nrepository = \"house/alarms\"\ntoken = \"gho_1\"",
        call: "ticket::open(\"code\", \"Stuck\", #{ body: \"Since <07:30> & later\", labels: [\"gate\", \"night\"] })",
        answers: &[(201, r#"{"number": 1}"#)],
        differ: &[(
            "header.authorization",
            "`Bearer` and `token` mean the same to GitHub",
        )],
    },
    Row {
        theirs: &["gitlab"],
        target: "[ticket.lab]\nservice = \"gitlab\"\nurl = \"{fake}\"\nproject = \"42\"\ntoken = \"glpat\"",
        call: "ticket::open(\"lab\", \"Stuck\", #{ body: \"Since <07:30> & later\", labels: [\"gate\", \"night\"], image: event.attachments[0] })",
        answers: &[
            (201, r#"{"markdown": "![image](/uploads/1/image.jpg)"}"#),
            (201, r#"{"iid": 1, "id": 1}"#),
        ],
        differ: &[
            ("1: part.avatar", "empty: the client's own slip"),
            (
                "2: json/labels",
                "a list with commas, as the API's page says; GitLab takes both",
            ),
        ],
    },
    Row {
        theirs: &["redmine"],
        target: "[ticket.yard]\nservice = \"redmine\"\nurl = \"{fake}\"\nkey = \"k1\"\nproject = \"gate\"",
        call: "ticket::open(\"yard\", \"Stuck\", #{ body: \"Since <07:30> & later\", image: event.attachments[0] })",
        answers: &[
            (201, r#"{"upload": {"id": 1, "token": "1.abc"}}"#),
            (201, r#"{"issue": {"id": 7}}"#),
        ],
        differ: &[
            (
                "2: json/issue/project_id",
                "the project in the body, as Redmine's page says, or in the path: both are taken",
            ),
            ("2: path", "see above"),
        ],
    },
    Row {
        theirs: &["jira"],
        target: "[ticket.desk]\nservice = \"jira\"\nurl = \"{fake}\"\nuser = \"me@house.example\"\ntoken = \"t0k\"\nproject = \"GATE\"",
        call: "ticket::open(\"desk\", \"Stuck\", #{ body: \"Since <07:30> & later\", labels: [\"gate\", \"night\"], image: event.attachments[0] })",
        answers: &[
            (201, r#"{"id": "1", "key": "GATE-1", "self": "x"}"#),
            (200, r#"[{"id": "1", "self": "x", "size": 1158}]"#),
        ],
        differ: &[(
            "1: header.x-atlassian-token",
            "only what carries a file needs it",
        )],
    },
    Row {
        theirs: &["zendesk"],
        target: "[ticket.help]\nservice = \"zendesk\"\nurl = \"{fake}\"\nuser = \"me@house.example\"\ntoken = \"t0k\"",
        call: "ticket::open(\"help\", \"Stuck\", #{ body: \"Since <07:30> & later\", labels: [\"gate\", \"night\"], image: event.attachments[0] })",
        answers: &[
            (201, r#"{"upload": {"token": "u1"}}"#),
            (
                201,
                r#"{"ticket": {"id": 1}, "audit": {"id": 2, "events": []}}"#,
            ),
        ],
        differ: &[],
    },
    Row {
        theirs: &["gsheet"],
        target: "[gsheet.visitors]\nid = \"1AbC-d\"\nrange = \"Visitors!A1\"\nurl = \"{fake}\"\noauth = \"google\"\n[oauth.google]\ntoken_url = \"{fake}/token\"\nclient_id = \"porchlight\"\nclient_secret = \"only-for-the-tests\"",
        call: "gsheet::append(\"visitors\", [\"00123\", 0.9, true, \"=1+1\"])",
        answers: &[
            (
                200,
                r#"{"access_token": "t0k", "token_type": "Bearer", "expires_in": 3600}"#,
            ),
            (200, r#"{"updates": {"updatedRows": 1}}"#),
        ],
        differ: &[
            (
                "header.authorization",
                "the client was asked without an account",
            ),
            ("query.alt", "JSON is the default"),
        ],
    },
];

#[test]
fn text_messages_tickets_and_rows_are_sent_as_their_own_clients_send_them() {
    let Some(server) = Server::hold("clients") else {
        return;
    };
    server.write("ask.py", ASK);
    for row in ROWS {
        compare(&server, &["python", "ask.py"], row, true);
    }
}

const VERIFY: &str = include_str!("../../servers/clients/verify.py");
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn a_webhook_of_our_own_is_genuine_for_the_library_of_the_standard() {
    let Some(server) = Server::hold("clients") else {
        return;
    };
    server.write("verify.py", VERIFY);
    let fake = Fake::start();
    // It is not taken at first, so what is verified was signed for a second try too.
    fake.answer_next("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
    let config = format!(
        "{}\n[hook.out]\nurl = \"{}/in\"\nsecret = \"{SECRET}\"\n",
        gate_config(),
        fake.url()
    );
    let script = r#"on("gate.*", |event| hook::send("out", "gate.opened", #{ plate: "Ä 1" }));"#;
    let house = House::start(&config, &[("out.rhai", script)]);
    house.post_ok("{}");
    house.wait_for_done(1);
    let asked = fake.wait_for(2);
    let verdict = |asked: &Asked, body: &str, secret: &str| {
        let headers = asked.headers.iter().cloned();
        let headers: serde_json::Map<String, Value> = headers
            .map(|(name, value)| (name.to_lowercase(), value.into()))
            .collect();
        let headers = Value::from(headers).to_string();
        let output = server
            .command("python")
            .args(["verify.py", secret, &headers, body])
            .output()
            .expect("python runs");
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).trim().to_owned()
    };
    for asked in &asked {
        let body = String::from_utf8_lossy(&asked.body);
        assert_eq!(verdict(asked, &body, SECRET), "gate.opened");
        let other = verdict(asked, &body.replace("Ä 1", "B 2"), SECRET);
        assert!(other.starts_with("refused"), "{other}");
        let stranger = verdict(asked, &body, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        assert!(stranger.starts_with("refused"), "{stranger}");
    }
    assert_eq!(asked[0].header("webhook-id"), asked[1].header("webhook-id"));
}

const CLAIMS: &str = include_str!("../../servers/clients/claims.py");

#[test]
fn a_token_for_connectit_is_genuine_and_short_lived_for_a_library_of_others() {
    let Some(server) = Server::hold("clients") else {
        return;
    };
    server.write("claims.py", CLAIMS);
    let fake = Fake::start();
    let config = format!(
        "{}\n[connectit.office]\nurl = \"{}\"\nplugin = \"3f1c-ä\"\nsecret = \"only-for-the-tests-of-porchlight\"\n",
        gate_config(),
        fake.url()
    );
    let script = r#"on("gate.*", |event| connectit::transcript("office", 7));"#;
    let house = House::start(&config, &[("office.rhai", script)]);
    house.post_ok("{}");
    let asked = fake.wait_for(1).swap_remove(0);
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("GET", "/transcripts/7")
    );
    let token = asked.header("authorization").expect("a token");
    let token = token.strip_prefix("Bearer ").expect("a bearer token");
    let claims = |secret: &str| {
        let output = server
            .command("python")
            .args(["claims.py", secret, token])
            .output()
            .expect("python runs");
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).trim().to_owned()
    };
    let genuine = claims("only-for-the-tests-of-porchlight");
    let genuine: Value = serde_json::from_str(&genuine).expect(&genuine);
    assert_eq!(genuine["plugin_installation_uuid"], "3f1c-ä");
    assert_eq!(genuine["holds"], 300);
    let stranger = claims("another-secret-of-the-tests-of-it");
    assert!(stranger.starts_with("refused"), "{stranger}");
}
