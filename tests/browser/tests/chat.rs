//! People chat in real browsers: two pages, one server, nothing in between replaced.

use anyhow::{Result, ensure};
use browser_tests::{Browser, Chat, Driver};
use serde_json::json;

const ENTER: &str = "\u{E007}";

/// What a page would run if the text of a message ever became markup.
const MARKUP: &str = r#"<img src=x onerror="window.pwned = true"><b>bold</b>"#;

#[test]
fn two_browsers_chat_and_one_reloads_and_rejoins() -> Result<()> {
    let chat = Chat::start()?;
    let driver = Driver::start()?;
    let (ada, ben) = (driver.open()?, driver.open()?);

    ada.go(chat.page())?;
    join(&ada, "hall", "Ada")?;
    members(&ada, &["Ada"])?;

    ben.go(chat.page())?;
    ben.wait(
        "the room that Ada opened",
        "return document.querySelector('#rooms button[data-room=hall] .count').textContent === '1'",
        &[],
    )?;
    join(&ben, "hall", "Ben")?;
    for page in [&ada, &ben] {
        members(page, &["Ada", "Ben"])?;
    }

    say(&ada, "hello from Ada")?;
    say(&ben, "hello from Ben")?;
    for page in [&ada, &ben] {
        heard(page, "Ada", "hello from Ada")?;
        heard(page, "Ben", "hello from Ben")?;
    }

    // Nothing is typed: name and room come back by themselves, and so does what was said.
    ben.reload()?;
    in_room(&ben, "hall")?;
    members(&ben, &["Ada", "Ben"])?;
    heard(&ben, "Ada", "hello from Ada")?;
    ada.wait(
        "Ben going and coming",
        "const events = [...document.querySelectorAll('#messages .event')].map((line) => line.textContent);
         return events.indexOf('Ben left') >= 0 && events.lastIndexOf('Ben joined') > events.indexOf('Ben left')",
        &[],
    )?;
    members(&ada, &["Ada", "Ben"])?;
    say(&ben, "back again")?;
    heard(&ada, "Ben", "back again")?;
    say(&ada, "welcome back")?;
    heard(&ben, "Ada", "welcome back")?;

    say(&ada, MARKUP)?;
    for page in [&ada, &ben] {
        heard(page, "Ada", MARKUP)?;
        let harmless = page.run(
            "return window.pwned === undefined && !document.querySelector('#messages img, #messages .text *')",
            &[],
        )?;
        ensure!(harmless == true, "text of a message became markup");
    }

    ada.click("#leave")?;
    members(&ben, &["Ben"])?;

    // A name is one person's in a room: the second is told, and stays out.
    ada.clear("#name")?;
    ada.type_into("#name", "Ben")?;
    ada.click("#join")?;
    ada.wait(
        "the refusal of a taken name",
        "return document.querySelector('#name-error').textContent !== ''",
        &[],
    )?;
    members(&ben, &["Ben"])
}

#[test]
fn a_page_returns_to_its_room_when_the_server_is_back() -> Result<()> {
    let chat = Chat::start()?;
    let driver = Driver::start()?;
    let (ada, ben) = (driver.open()?, driver.open()?);
    for (page, name) in [(&ada, "Ada"), (&ben, "Ben")] {
        page.go(chat.page())?;
        join(page, "hall", name)?;
    }
    say(&ada, "before")?;
    heard(&ben, "Ada", "before")?;

    let _chat = chat.restart(|| {
        for page in [&ada, &ben] {
            page.wait(
                "the badge that says so",
                "return document.querySelector('#status').dataset.state === 'reconnecting'",
                &[],
            )?;
        }
        Ok(())
    })?;
    for page in [&ada, &ben] {
        in_room(page, "hall")?;
        members(page, &["Ada", "Ben"])?;
        heard(page, "Ada", "before")?;
    }
    say(&ben, "after")?;
    for page in [&ada, &ben] {
        heard(page, "Ben", "after")?;
    }
    Ok(())
}

fn join(page: &Browser<'_>, room: &str, name: &str) -> Result<()> {
    page.wait(
        "the connection",
        "return document.querySelector('#status').dataset.state === 'open'",
        &[],
    )?;
    page.clear("#room")?;
    page.type_into("#room", room)?;
    page.type_into("#name", name)?;
    page.click("#join")?;
    in_room(page, room)
}

fn in_room(page: &Browser<'_>, room: &str) -> Result<()> {
    page.wait(
        "being in the room",
        "return document.body.dataset.view === 'chat'
           && document.querySelector('#title').textContent === arguments[0]
           && document.querySelector('#status').dataset.state === 'open'",
        &[json!(room)],
    )
}

fn members(page: &Browser<'_>, names: &[&str]) -> Result<()> {
    page.wait(
        &format!("the members {names:?}"),
        "const names = [...document.querySelectorAll('#members .nick')].map((name) => name.textContent);
         return JSON.stringify(names) === JSON.stringify(arguments[0])",
        &[json!(names)],
    )
}

fn say(page: &Browser<'_>, text: &str) -> Result<()> {
    page.type_into("#text", &format!("{text}{ENTER}"))
}

/// Waits for a message that the server sent: a sender's own line is pending until it comes back.
fn heard(page: &Browser<'_>, from: &str, text: &str) -> Result<()> {
    page.wait(
        &format!("{from} saying {text:?}"),
        "return [...document.querySelectorAll('#messages .message:not(.pending):not(.failed)')].some((line) =>
           line.dataset.from === arguments[0] && line.querySelector('.text').textContent === arguments[1])",
        &[json!(from), json!(text)],
    )
}
