//! Each operation as SQL, inside the batch's transaction.
//!
//! Nothing here commits, answers, or touches memory that a rollback could not undo: ids are taken
//! from a copy of the counters, claims are staged.

use crate::claims::Claims;
use crate::prepare::{Prepared, RunIds, action_key};
use crate::queue::Op;
use crate::rows::{EventRow, get_id, to_json};
use crate::{
    Appended, Blob, Committed, ReadError, ScriptVersion, away, reader, refusals, schedules, schema,
    silences, state_edits, state_history, waits,
};
use porchlight_core::{
    ActionId, Event, EventId, NewEvent, Settlement, StateWrite, Timestamp, WaitId, same_value,
};
use rusqlite::{Connection, OptionalExtension, Result};

/// The next free row numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counters {
    pub(crate) event: u64,
    pub(crate) run: u64,
    pub(crate) action: u64,
}

fn next(counter: &mut u64) -> u64 {
    let id = *counter;
    *counter += 1;
    id
}

/// From where on a run's actions stand.
fn first_action(committed: &Committed) -> ActionId {
    committed.actions.first().map_or(0, |(id, _)| *id)
}

/// What the operation's caller is told once the batch is on disk.
pub(crate) enum Answer {
    Appended(Appended),
    AllAppended(Vec<Appended>),
    Committed(Committed),
    /// With the event that tells of it.
    Told(Option<Box<Event>>),
    Done,
}

/// A batch in the making.
pub(crate) struct Batch<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) counters: Counters,
    pub(crate) claims: &'a mut Claims,
    pub(crate) now: Timestamp,
}

impl Batch<'_> {
    /// Carries out one operation.
    pub(crate) fn apply(&mut self, op: &Op) -> Result<Answer> {
        match op {
            Op::Append { event, blobs, .. } => self.append(event, blobs).map(Answer::Appended),
            Op::AppendAll { entries, .. } => {
                let appended = entries
                    .iter()
                    .map(|(event, blobs)| self.append(event, blobs));
                appended.collect::<Result<_>>().map(Answer::AllAppended)
            }
            Op::Commit { run, .. } => self.commit(run).map(Answer::Committed),
            Op::Finish(event) => self.finish(*event).map(|()| Answer::Done),
            Op::Refused(refusal) => {
                refusals::insert(self.connection, refusal).map(|()| Answer::Done)
            }
            Op::Schedules(wanted) => {
                schedules::keep(self.connection, wanted).map(|()| Answer::Done)
            }
            Op::Silences(wanted) => silences::keep(self.connection, wanted).map(|()| Answer::Done),
            Op::Reschedule(moved) => {
                waits::reschedule(self.connection, moved).map(|()| Answer::Done)
            }
            Op::Beat => waits::beat(self.connection, self.now).map(|()| Answer::Done),
            Op::Settle {
                action,
                settlement,
                attempts,
                told,
                ..
            } => {
                self.settle(*action, settlement, *attempts)?;
                self.insert_told(told.as_deref()).map(Answer::Told)
            }
            Op::Target { news, told, .. } => {
                away::note(self.connection, news)?;
                self.insert_told(told.as_deref()).map(Answer::Told)
            }
            Op::Remember { version, .. } => self.remember(version).map(|()| Answer::Done),
            Op::Close { .. } => Ok(Answer::Done),
        }
    }

    fn append(&mut self, event: &EventRow, blobs: &[Blob]) -> Result<Appended> {
        if let Some((key, _)) = event.claim()
            && let Some(earlier) = self.claims.holder(&key, self.now)
        {
            return Ok(Appended::Duplicate(earlier));
        }
        for blob in blobs {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO blobs(hash, bytes) VALUES(?1, ?2)")?
                .execute((&blob.hash, blob.bytes.as_ref()))?;
        }
        let id = self.insert_event(event)?;
        if let Some(secret) = &event.secret {
            refusals::secret_used(self.connection, event.source(), secret, self.now)?;
        }
        for blob in blobs
            .iter()
            .filter(|blob| !event.blobs.contains(&blob.hash))
        {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO blob_refs(event, hash) VALUES(?1, ?2)")?
                .execute((id.cast_signed(), &blob.hash))?;
        }
        Ok(Appended::Stored(id))
    }

    fn insert_event(&mut self, event: &EventRow) -> Result<EventId> {
        let id = next(&mut self.counters.event);
        let claim = event.claim().map(|(key, ttl)| (key, self.now.after(ttl)));
        event.insert(self.connection, id, claim.map(|(_, expires)| expires))?;
        if let Some((key, expires)) = claim {
            self.claims.stage(key, id, expires);
        }
        Ok(id)
    }

    fn insert_told(&mut self, told: Option<&(NewEvent, EventRow)>) -> Result<Option<Box<Event>>> {
        let Some((event, row)) = told else {
            return Ok(None);
        };
        let id = self.insert_event(row)?;
        let content = event.clone();
        Ok(Some(Box::new(Event { id, content })))
    }

    fn commit(&mut self, prepared: &Prepared) -> Result<Committed> {
        if let Some(first) = self.recorded(prepared)? {
            // The first commit did all the rest; its answer got lost. The ends may have grown.
            self.end(prepared)?;
            return Ok(first);
        }
        let run = next(&mut self.counters.run);
        let mut events = Vec::with_capacity(prepared.emitted.len());
        for (_, event) in &prepared.emitted {
            events.push(self.insert_event(event)?);
        }
        let mut removed = Vec::new();
        for name in &prepared.run.cancelled {
            let script = &prepared.run.script;
            removed.extend(waits::remove_named(self.connection, script, name)?);
        }
        let waits = self.insert_waits(run, prepared, &mut removed)?;
        let ids = RunIds {
            home: schema::get_meta(self.connection, schema::meta::HOME)?,
            run,
            first_action: self.counters.action,
            waits,
            removed,
            events,
        };
        self.insert_run(&ids, prepared)?;
        self.insert_actions(&ids, prepared)?;
        let at = prepared.run.started;
        for write in &prepared.run.state {
            self.write_state(write, at, run)?;
        }
        self.end(prepared)?;
        Ok(prepared.committed(&ids))
    }

    /// What the first commit of the same run returned, if there was one, as far as it is still to
    /// be done.
    fn recorded(&self, prepared: &Prepared) -> Result<Option<Committed>> {
        let run = &prepared.run;
        let id: Option<u64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM runs WHERE event = ?1 AND script = ?2 AND handler = ?3",
            )?
            .query_row(
                (run.event.cast_signed(), &run.script, &run.handler),
                |row| get_id(row, 0),
            )
            .optional()?;
        let Some(id) = id else { return Ok(None) };
        match reader::committed(self.connection, id) {
            Ok(mut committed) => {
                // Those that ended since must not be performed again.
                let open: Vec<ActionId> = self
                    .connection
                    .prepare_cached(
                        "SELECT id FROM actions WHERE run = ?1 AND status = 0 AND id >= ?2",
                    )?
                    .query_map(
                        (id.cast_signed(), first_action(&committed).cast_signed()),
                        |row| get_id(row, 0),
                    )?
                    .collect::<Result<_>>()?;
                committed
                    .actions
                    .retain(|(action, _)| open.contains(action));
                Ok(Some(committed))
            }
            Err(ReadError::Database(error)) => Err(error),
            Err(other) => Err(rusqlite::Error::ToSqlConversionFailure(Box::new(other))),
        }
    }

    fn insert_run(&self, ids: &RunIds, prepared: &Prepared) -> Result<()> {
        let run = &prepared.run;
        let mut detail = serde_json::to_value(&prepared.detail).unwrap_or_default();
        if !ids.events.is_empty() {
            detail["emitted"] = ids.events.as_slice().into();
        }
        self.connection
            .prepare_cached(
                "INSERT INTO runs(id, event, started, outcome, script, handler, script_hash, line, \
                 col, path, title, duration_us, first_action, actions, detail) \
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?
            .execute((
                ids.run.cast_signed(),
                run.event.cast_signed(),
                run.started.0,
                run.outcome.word(),
                &run.script,
                &run.handler,
                &run.script_hash,
                run.place.line,
                run.place.column,
                &run.place.path,
                &run.title,
                run.duration_us.cast_signed(),
                ids.first_action.cast_signed(),
                run.actions.len() as i64,
                detail.to_string(),
            ))?;
        Ok(())
    }

    fn insert_actions(&mut self, ids: &RunIds, prepared: &Prepared) -> Result<()> {
        for (index, (action, args)) in (0..).zip(prepared.run.actions.iter().zip(&prepared.args)) {
            let named = (!action.key.is_empty()).then(|| action.key.clone());
            let id = next(&mut self.counters.action);
            self.connection
                .prepare_cached(
                    "INSERT INTO actions(id, run, status, attempts, not_before, expires, retries, \
                     kind, lane, key, title, args) \
                     VALUES(?1, ?2, 0, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute((
                    id.cast_signed(),
                    ids.run.cast_signed(),
                    prepared.run.started.0,
                    action.expires.0,
                    action.retries,
                    &action.kind,
                    &action.lane,
                    named.unwrap_or_else(|| action_key(ids.home, ids.run, index)),
                    &action.title,
                    args,
                ))?;
        }
        Ok(())
    }

    fn insert_waits(
        &self,
        run: u64,
        prepared: &Prepared,
        removed: &mut Vec<WaitId>,
    ) -> Result<Vec<WaitId>> {
        let mut ids = Vec::with_capacity(prepared.run.waits.len());
        for (wait, texts) in prepared.run.waits.iter().zip(&prepared.wait_texts) {
            let (id, replaced) = waits::insert(self.connection, run, wait, texts)?;
            removed.extend(replaced);
            ids.push(id);
        }
        Ok(ids)
    }

    fn write_state(&self, write: &StateWrite, at: Timestamp, run: u64) -> Result<()> {
        let before: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM state WHERE key = ?1")?
            .query_row([&write.key], |row| row.get(0))
            .optional()?;
        let was = before.and_then(|text| serde_json::from_str(&text).ok());
        let is = write.op.apply(was.as_ref());
        if was == is {
            return Ok(());
        }
        let same = was.as_ref().zip(is.as_ref());
        let same = same.is_some_and(|(was, is)| same_value(was, is));
        let text = is.map(|value| value.to_string());
        match &text {
            Some(text) => self
                .connection
                .prepare_cached(
                    "INSERT INTO state(key, value) VALUES(?1, ?2) \
                     ON CONFLICT(key) DO UPDATE SET value = ?2",
                )?
                .execute((&write.key, text))?,
            None => self
                .connection
                .prepare_cached("DELETE FROM state WHERE key = ?1")?
                .execute([&write.key])?,
        };
        if same {
            return Ok(());
        }
        state_history::note(self.connection, (&write.key, text.as_deref()), at, run)
    }

    fn end(&self, prepared: &Prepared) -> Result<()> {
        if let Some(wait) = prepared.ends.wait {
            waits::remove(self.connection, wait)?;
        }
        if let Some(silence) = &prepared.silence {
            silences::report(self.connection, silence)?;
        }
        if let Some(schedule) = &prepared.schedule {
            schedules::dealt_with(self.connection, schedule)?;
        }
        if let Some(edit) = prepared.edit {
            state_edits::taken(self.connection, edit)?;
        }
        if prepared.ends.event_finished {
            self.finish(prepared.run.event)?;
        }
        Ok(())
    }

    fn finish(&self, event: EventId) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE events SET pending = 0 WHERE id = ?1 AND pending = 1")?
            .execute([event.cast_signed()])?;
        Ok(())
    }

    fn settle(&self, action: ActionId, settlement: &Settlement, attempts: u32) -> Result<()> {
        let (status, not_before, result) = match settlement {
            Settlement::Done(receipt) => (1, None, to_json(receipt)),
            Settlement::RetryAt { at, error } => (0, Some(at.0), to_json(error)),
            Settlement::Dead { error } => (2, None, to_json(error)),
        };
        self.connection
            .prepare_cached(
                "UPDATE actions SET status = ?2, attempts = ?3, \
                 not_before = coalesce(?4, not_before), settled = ?5, result = ?6 WHERE id = ?1",
            )?
            .execute((
                action.cast_signed(),
                status,
                attempts,
                not_before,
                self.now.0,
                result,
            ))?;
        Ok(())
    }

    fn remember(&self, version: &ScriptVersion) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO scripts(hash, name, used, sources) VALUES(?1, ?2, ?3, ?4) \
                 ON CONFLICT(hash) DO UPDATE SET used = ?3",
            )?
            .execute((
                &version.hash,
                &version.name,
                self.now.0,
                to_json(&version.sources),
            ))?;
        Ok(())
    }
}
