//! What test files can call, in the words of the reference.
//!
//! The methods of `home` are made by a macro of their own, so their doc comments stand here. A test
//! of the reference fails when one of them has none, or when one is spoken of that isn't there.

/// A name, and its comment as [`crate::reference`] agrees on.
pub(crate) const WORDS: &[(&str, &str)] = &[
    (
        "test",
        r#"
Says what a script should do. It stands at the top level of a file such as `gate.test.rhai`.

* `name` (text): what should be so, in a sentence
* `body` (function): what happens and what is expected, with the `home` as its parameter

```rhai
test("a door that opens lights the hall", |home| {
    home.send("door.opened", #{ data: #{ door: "front" } });
    home.expect("light.on", "hall");
});
```
"#,
    ),
    (
        "assert",
        r#"
Makes the test fail unless this holds.

* `holds` (yes or no): what must be true
* `why` (text): what to say when it is not

```rhai
assert(home.now() < "2027", "a test begins in 2026");
```
"#,
    ),
    (
        "assert_eq",
        r#"
Makes the test fail unless two values are the same.

* `a` (any): one of them
* `b` (any): the other
* `why` (text): what to say when they are not

```rhai
home.send("door.opened");
assert_eq(home.state("visits"), 1);
```
"#,
    ),
    (
        "home.send",
        r#"
Lets an event come in.

* `kind` (text): its type
* `fields` (map): what it says
  * `data` (any): the body
  * `facts` (map): what a preset would read out of it
  * `subject` (text): what it is about
  * `time` (time): when it happened; now when nothing is said
  * `source` (text): the name of the webhook
  * `headers` (map): names and their values
  * `query` (text): what stood after `?` in the address
  * `peer` (text): the address that it came from
  * `redelivered` (yes or no): whether the sender said that it sent this before
  * `attachments` (list): files, each `#{ name, filename, content_type, text }`

Gives (whole number): its id

Fails when the type is none or a field is unknown.

```rhai
home.send("door.opened", #{ data: #{ door: "front" }, facts: #{ camera: "porch" } });
```
"#,
    ),
    (
        "home.mqtt",
        r#"
Lets a message of a broker come in, for `on_mqtt`.

* `topic` (text): its topic; `~/gate/open/set` is that of the button `open` of `gate.rhai`
* `payload` (any): a text, or what is JSON on the wire
* `options` (map): `broker`, when it is not the first of the configuration, and `retained`

```rhai
home.mqtt("zigbee2mqtt/door", #{ contact: false });
```
"#,
    ),
    (
        "home.send_sample",
        r#"
Lets the sample of a preset come in, read as a delivery would be.

* `preset` (text): the name of the preset: "xprotect"

Gives (whole number): its id

Fails when there is no such preset.

```rhai
home.send_sample("xprotect");
```
"#,
    ),
    (
        "home.send_file",
        r#"
Lets a file come in: a captured request, or the body of one.

* `path` (text): its path, from the folder of the test file
* `webhook` (text): the webhook that gets it, where the file is only a body

Gives (whole number): its id

Fails when the file can't be read, or the webhook can't use it.

```rhai
home.send_file("fixtures/motion.http");
```
"#,
    ),
    (
        "home.send_recorded",
        r#"
Lets an event of the journal come in once more, at its own time.

* `id` (whole number): its number, as `porchlight events` shows it

Gives (whole number): its id

Fails when the journal has no such event.

```rhai
home.send_recorded(17);
```
"#,
    ),
    (
        "home.advance",
        r#"
Lets time pass. Everything that falls due meanwhile happens at its time and in order.

* `by` (duration): how long

```rhai
home.send("door.opened");
home.advance("5m");
home.expect("light.off", "hall");
```
"#,
    ),
    (
        "home.at",
        r#"
Sets the clock; once something happened, only forward.

* `moment` (time): with its zone: "2026-03-29T01:59:00+01:00"

```rhai
home.at("2026-03-29T01:59:00+01:00");
```
"#,
    ),
    (
        "home.start",
        r#"
Lets Porchlight start, so that `on_start` is called. A test begins without it.

```rhai
home.start();
home.expect_log("awake");
```
"#,
    ),
    (
        "home.down",
        r#"
Lets Porchlight be down and start again: what fell due meanwhile does what its `on_gap` says.

* `time` (duration): how long

```rhai
home.send("door.opened");
home.down("3h");
home.expect("light.off", "hall");
```
"#,
    ),
    (
        "home.setting",
        r#"
Gives a setting another value, before anything happens.

* `name` (text): its name
* `value` (any): what it is in this test

```rhai
home.setting("lamp", "porch");
home.send("door.opened");
home.expect("light.on", "porch");
```
"#,
    ),
    (
        "home.set_state",
        r#"
Puts a value into the state, before the script looks.

* `key` (text): its name
* `value` (any): what it is; `()` removes it

```rhai
home.set_state("visits", 41);
home.send("door.opened");
home.expect_state("visits", 42);
```
"#,
    ),
    (
        "home.answer",
        r#"
Says what the script gets when it asks. The last answer that fits counts.

* `kind` (text): "http.get", "http.post", "http.*", "sheet.read", "file.read", "command.run"
* `what` (text): the address, file or command; it may have `*`
* `response` (map or function): the answer, or a function that makes it of the request

Fails when scripts can't ask such a thing.

```rhai
home.answer("http.get", "http://192.0.2.10/*", #{ json: #{ on: true } });
home.answer("http.get", "http://192.0.2.11/*", |request| #{ status: 503 });
```
"#,
    ),
    (
        "home.expect",
        r#"
Expects an action that was told and that no expectation took yet.

What the arguments don't mention may be anything; in texts `*` stands for any characters.

* `name` (text): its kind, "http.send", or the function that the script called, "light.on"
* `target` (text): the first argument of the call: "hall"
* `args` (map): arguments that it must have

Gives (map): the action: `#{ kind, title, args, lane, key, at, script }`

Fails when nothing that was told fits; it shows the nearest.

```rhai
home.send("door.opened");
home.expect("light.on", "hall");
home.expect("http.send", #{ url: "http://gate.lan/*" });
```
"#,
    ),
    (
        "home.expect_nothing",
        r#"
Expects that nothing was told that no expectation took.

* `name` (text): nothing of this name, whatever else

```rhai
home.send("window.opened");
home.expect_nothing();
```
"#,
    ),
    (
        "home.expect_state",
        r#"
Expects a value in the state.

* `key` (text): its name
* `value` (any): what it must be; `()` is none

```rhai
home.send("door.opened");
home.expect_state("visits", 1);
```
"#,
    ),
    (
        "home.expect_log",
        r#"
Expects a line of the log that no expectation took yet.

* `text` (text): the line; it may have `*`

Gives (map): the line

```rhai
home.send("door.opened");
home.expect_log("* is open");
```
"#,
    ),
    (
        "home.expect_skipped",
        r#"
Expects that a handler did not run, for this reason.

* `reason` (text): "filter", "expired", "cooldown", "mode: single" and so on

Gives (map): the run

```rhai
home.send("door.opened", #{ time: "2025-12-31T12:00:00Z" });
home.expect_skipped("expired");
```
"#,
    ),
    (
        "home.expect_error",
        r#"
Expects that a run ended with a mistake; without this, it fails the test.

* `text` (text): the message; it may have `*`

Gives (map): the run

```rhai
home.send("door.broken");
home.expect_error("*broken*");
```
"#,
    ),
    (
        "home.expect_wait",
        r#"
Expects that something waits.

* `wanted` (text): for so long from now ("5m"), or under this id or title ("hall"); anything when nothing is said

Gives (map): the wait

```rhai
home.send("door.opened");
home.expect_wait("hall");
```
"#,
    ),
    (
        "home.expect_no_wait",
        r#"
Expects that nothing waits.

```rhai
home.send("window.opened");
home.expect_no_wait();
```
"#,
    ),
    (
        "home.actions",
        r#"
Gives everything that was told so far, for what needs more than `expect`.

Gives (list): the actions

```rhai
home.send("door.opened");
assert_eq(home.actions().len(), 2);
```
"#,
    ),
    (
        "home.state",
        r#"
Gives a value of the state.

* `key` (text): its name

Gives (any): the value, or `()`

```rhai
assert_eq(home.state("visits"), ());
```
"#,
    ),
    (
        "home.now",
        r#"
Gives the time in the test, which begins at 2026-01-01T12:00:00Z.

Gives (time): in UTC

```rhai
home.advance("1m");
assert_eq(home.now(), "2026-01-01T12:01:00.000Z");
```
"#,
    ),
];
