//! `porchlight doctor` and the services of others: what they are asked changes nothing, and a 200 that
//! says no is a no.

use super::doctor::{doctor, home, is};
use super::fake::Fake;

#[test]
fn a_tasmota_that_wants_its_password_is_told_from_one_that_has_it() {
    let device = Fake::device(|asked| {
        match asked.path.as_str() {
            "/cm?cmnd=Power" => r#"{"POWER":"OFF"}"#,
            "/cm?cmnd=Power2&password=pl4nted&user=admin" => r#"{"POWER2":"ON"}"#,
            _ => r#"{"WARNING":"Need user=<username>&password=<password>"}"#,
        }
        .to_owned()
    });
    let url = device.url();
    let house = home(&format!(
        "[light.porch]\ndriver = \"tasmota\"\nurl = \"{url}\"\n\
         [light.hall]\ndriver = \"tasmota\"\nurl = \"{url}\"\nrelay = \"2\"\npassword = \"pl4nted\"\n\
         [siren.yard]\ndriver = \"tasmota\"\nurl = \"{url}\"\nrelay = \"2\"\npassword = \"pl4nted-wrong\"\n",
    ));
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    is(&lines, "[light.porch]", "ok", "");
    is(&lines, "[light.hall]", "ok", "");
    is(&lines, "[siren.yard]", "bad", "is its `password` right");
}

#[test]
fn services_are_asked_who_we_are_and_a_200_that_says_no_is_a_no() {
    let knows = Fake::device(|asked| {
        match asked.path.as_str() {
            "/botpl4nted/getMe" | "/auth.test" => r#"{"ok":true}"#,
            _ => r#"{"id":1}"#,
        }
        .to_owned()
    });
    let denies = Fake::device(|_| r#"{"ok":false,"error":"invalid_auth"}"#.to_owned());
    let refuses = Fake::answering("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    let lacks = Fake::answering("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    let tables = [
        (
            "message.bot",
            "service = \"telegram\"\ntoken = \"pl4nted\"\nchat = \"1\"",
        ),
        (
            "message.team",
            "service = \"slack-app\"\ntoken = \"pl4nted\"\nchannel = \"C1\"",
        ),
        (
            "message.room",
            "service = \"matrix\"\ntoken = \"pl4nted\"\nroom = \"!a:b\"",
        ),
        (
            "sms.me",
            "driver = \"twilio\"\nsid = \"AC1\"\ntoken = \"pl4nted\"\nfrom = \"+1\"\nto = \"+2\"",
        ),
        (
            "ticket.code",
            "service = \"github\"\nrepository = \"house/alarms\"\ntoken = \"pl4nted\"",
        ),
        (
            "ticket.lab",
            "service = \"gitlab\"\nproject = \"42\"\ntoken = \"pl4nted\"",
        ),
        (
            "ticket.desk",
            "service = \"jira\"\nproject = \"GATE\"\nuser = \"me@house.example\"\ntoken = \"pl4nted\"",
        ),
        (
            "ticket.help",
            "service = \"zendesk\"\nuser = \"me@house.example\"\ntoken = \"pl4nted\"",
        ),
        (
            "ticket.yard",
            "service = \"redmine\"\nproject = \"gate\"\nkey = \"pl4nted\"",
        ),
        (
            "light.hall",
            "driver = \"lifx-http\"\nselector = \"label:Hall\"\ntoken = \"pl4nted\"",
        ),
        (
            "light.shed",
            "driver = \"esphome\"\nentity = \"Shed Light\"\npassword = \"pl4nted\"",
        ),
    ];
    let config = |server: &Fake| {
        let url = server.url();
        let table = |(name, keys): &(&str, &str)| {
            let key = if keys.contains("slack-app") {
                "api"
            } else {
                "url"
            };
            format!("[{name}]\n{keys}\n{key} = \"{url}\"\n")
        };
        tables.iter().map(table).collect::<String>()
    };
    let (_, text, lines) = doctor(&home(&config(&knows)));
    for (name, _) in tables {
        is(
            &lines,
            &format!("[{name}] {} answers", knows.address),
            "ok",
            "",
        );
    }
    let mut asked: Vec<String> = knows
        .asked()
        .iter()
        .map(|one| format!("{} {}", one.method, one.path))
        .collect();
    asked.sort_unstable();
    let expected = [
        "GET /2010-04-01/Accounts/AC1.json",
        "GET /_matrix/client/v3/account/whoami",
        "GET /api/v2/tickets.json?per_page=1",
        "GET /api/v4/projects/42",
        "GET /light/Shed%20Light",
        "GET /repos/house/alarms",
        "GET /rest/api/2/project/GATE",
        "GET /users/current.json",
        "GET /v1/lights/label:Hall",
        "POST /auth.test",
        "POST /botpl4nted/getMe",
    ];
    assert_eq!(asked, expected, "{text}");
    let logins = knows.asked();
    let login = |path: &str| {
        let one = logins
            .iter()
            .find(|one| one.path.starts_with(path))
            .expect("it was asked");
        one.header("authorization").map(str::to_owned)
    };
    assert_eq!(
        login("/api/v2").as_deref(),
        Some("Basic bWVAaG91c2UuZXhhbXBsZS90b2tlbjpwbDRudGVk")
    );
    assert_eq!(
        login("/rest/api").as_deref(),
        Some("Basic bWVAaG91c2UuZXhhbXBsZTpwbDRudGVk")
    );
    assert_eq!(login("/v1/lights").as_deref(), Some("Bearer pl4nted"));

    let (_, _, lines) = doctor(&home(&config(&refuses)));
    for (name, _) in tables {
        is(&lines, &format!("[{name}]"), "bad", "make a new one");
    }
    let (_, _, lines) = doctor(&home(&config(&lacks)));
    is(&lines, "[ticket.code]", "bad", "may this token see it?");
    is(&lines, "[light.shed]", "bad", "is there such an entity?");
    is(&lines, "[light.hall]", "bad", "is there such a lamp?");
    let (_, _, lines) = doctor(&home(&config(&denies)));
    is(&lines, "[message.bot]", "bad", "make a new one");
    is(&lines, "[message.team]", "bad", "make a new one");
}
