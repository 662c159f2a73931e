//! Targets that go away and come back: when their lane is left alone, and who is told.

use crate::lanes::*;
use porchlight_action::{AwayLane, Outbox, RetryPolicy};
use porchlight_core::Timestamp;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_lane_whose_target_is_away_is_tried_once_a_minute_and_spends_no_more_tries() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("lamp", Target::Away);
    for id in 1..=3 {
        let _ = outbox.submit(open(id, "lamp"));
    }
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(
        world.tries_of(1),
        [0, 1, 3, 7, 15, 31, 51, 91, 151, 211, 271]
    );
    assert_eq!(world.tries_of(2), [0; 0]);
    let open = outbox.open_lanes();
    assert_eq!(
        (open.len(), open[0].lane.as_str(), open[0].failures),
        (1, "lamp", 11)
    );
    assert!((30..32).contains(&open[0].again_in.as_secs()));
    assert_eq!(
        world.settled(1).last(),
        Some(&(
            271,
            "refused; left alone after 11 failures in a row".to_owned(),
            5
        ))
    );
    world.is("lamp", Target::Takes(0));
    idle(&outbox).await;
    assert_eq!(world.settled(1).last(), Some(&(331, "done".to_owned(), 5)));
    for id in [2, 3] {
        assert_eq!(world.settled(id), [(331, "done".to_owned(), 0)]);
    }
    assert_eq!(outbox.open_lanes(), []);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_wait_for_the_next_try_dies_at_once_and_says_why() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("lamp", Target::Away);
    let mut first = open(1, "lamp");
    first.action.expires = world.now().after(Duration::from_secs(40));
    let _ = outbox.submit(first);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut flash = open(2, "lamp");
    flash.action.expires = world.now().after(Duration::from_secs(10));
    let _ = outbox.submit(flash);
    idle(&outbox).await;
    assert_eq!(world.tries_of(1), [0, 1, 3, 7, 15, 31]);
    assert_eq!(
        world.settled(2),
        [(
            31,
            "dead expired: too late to do it: the target is left alone after 6 failures in a row"
                .to_owned(),
            0
        )]
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_its_target_cannot_bear_dies_and_the_next_one_finds_the_target_well() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("tickets", Target::Sick);
    let _ = outbox.submit(open(1, "tickets"));
    let _ = outbox.submit(open(2, "tickets"));
    tokio::time::sleep(Duration::from_secs(32)).await;
    world.is("tickets", Target::Takes(0));
    idle(&outbox).await;
    // The sixth try is the one after the lane was opened; being answered, it counts.
    assert_eq!(world.tries_of(1), [0, 1, 3, 7, 15, 31]);
    assert_eq!(
        world.settled(1).last(),
        Some(&(31, "dead vendor: 500".to_owned(), 6))
    );
    assert_eq!(world.settled(2), [(51, "done".to_owned(), 0)]);
}

#[tokio::test(start_paused = true)]
async fn refusals_never_open_a_lane_and_close_an_open_one() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("tickets", Target::Refuses);
    for id in 1..=20 {
        let _ = outbox.submit(open(id, "tickets"));
    }
    idle(&outbox).await;
    assert_eq!(world.begun().last().map(|one| one.0), Some(0));
    world.is("tickets", Target::Away);
    let _ = outbox.submit(open(21, "tickets"));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(outbox.open_lanes().len(), 1);
    world.is("tickets", Target::Refuses);
    let _ = outbox.submit(open(22, "tickets"));
    idle(&outbox).await;
    assert_eq!(outbox.open_lanes(), []);
    assert_eq!(world.tries_of(22), world.tries_of(21)[5..]);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_lane_that_had_failed_often_is_open_again() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("lamp", Target::Away);
    let mut again = open(1, "lamp");
    again.attempts = 5;
    again.not_before = world.now().after(Duration::from_secs(20));
    let _ = outbox.submit(again);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(world.tries_of(1), [20, 60]);
    assert_eq!(world.settled(1).last().map(|one| one.2), Some(5));
}

fn told(lane: &str, action: u64, failures: u32, what: &str) -> (String, u64, u32, String) {
    (lane.to_owned(), action, failures, what.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_target_that_goes_away_and_comes_back_is_told_once_each() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("lamp", Target::Away);
    for id in 1..=3 {
        let _ = outbox.submit(open(id, "lamp"));
    }
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert_eq!(world.news(), [], "four failures may be a hiccup");
    tokio::time::sleep(Duration::from_secs(286)).await;
    let away = told("lamp", 1, 5, "away since 0: connect: refused");
    assert_eq!(world.news(), std::slice::from_ref(&away));
    world.is("lamp", Target::Takes(0));
    idle(&outbox).await;
    let back = told("lamp", 1, 11, "back after 331");
    assert_eq!(world.news(), [away, back]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_shows_that_a_target_is_back() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("tickets", Target::Away);
    let _ = outbox.submit(open(1, "tickets"));
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.is("tickets", Target::Refuses);
    idle(&outbox).await;
    let away = told("tickets", 1, 5, "away since 0: connect: refused");
    let back = told("tickets", 1, 5, "back after 31");
    assert_eq!(world.news(), [away, back]);
}

/// An outbox that was told at its start that the lamp has been away for a thousand seconds.
fn outbox_that_knows(world: &World) -> Outbox {
    world.outbox(RetryPolicy {
        away: vec![AwayLane {
            lane: "lamp".to_owned(),
            failures: 9,
            since: Timestamp(0),
        }],
        ..policy()
    })
}

#[tokio::test(start_paused = true)]
async fn who_was_away_before_the_start_is_not_told_anew_and_its_return_is() {
    for (attempts, tries) in [(0, vec![0, 10, 30, 70]), (5, vec![20, 60])] {
        let world = World::new();
        let outbox = outbox_that_knows(&world);
        world.is("lamp", Target::Away);
        let mut again = open(1, "lamp");
        again.attempts = attempts;
        if attempts > 0 {
            again.not_before = world.now().after(Duration::from_secs(20));
        }
        let _ = outbox.submit(again);
        tokio::time::sleep(Duration::from_secs(71)).await;
        assert_eq!(world.tries_of(1), tries, "it is left alone at once");
        assert_eq!(world.news(), []);
        world.is("lamp", Target::Takes(0));
        idle(&outbox).await;
        let [(lane, 1, _, what)] = &world.news()[..] else {
            panic!("{:?}", world.news());
        };
        let at = world.begun().last().map(|one| one.0 / 1000).unwrap();
        assert_eq!(
            (lane.as_str(), what),
            ("lamp", &format!("back after {}", 1000 + at))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_came_back_while_nobody_looked_is_told_at_the_first_answer() {
    let world = World::new();
    let outbox = outbox_that_knows(&world);
    let _ = outbox.submit(open(1, "lamp"));
    let _ = outbox.submit(open(2, "lamp"));
    idle(&outbox).await;
    assert_eq!(world.tries_of(2), [0]);
    assert_eq!(world.news(), [told("lamp", 1, 9, "back after 1000")]);
}

#[tokio::test(start_paused = true)]
async fn an_absence_that_was_found_but_not_noted_before_a_crash_is_told_after_it() {
    let world = World::new();
    let outbox = world.outbox(policy());
    world.is("lamp", Target::Away);
    let mut again = open(1, "lamp");
    again.attempts = 5;
    let _ = outbox.submit(again);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let away = told("lamp", 1, 6, "away since 0: connect: refused");
    assert_eq!(world.news(), [away]);
}
