//! opencode's database, read by its own `opencode db QUERY --format json` (seen with 1.18.33).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Entry, Kind, Known, call, entry, is_id, line, word};

/// The most conversations that are looked at.
pub const SESSION_COUNT_MAX: usize = 50;

/// The most rows of one answer to [`parts_query`].
pub const ROW_COUNT_MAX: usize = 200;

/// The most of a row's text that is asked for, characters.
const ROW_CHARS_MAX: usize = 20_000;

/// Returns the query for the conversations of a folder, the newest first.
pub fn sessions_query(dir: &str) -> String {
    let dir = dir.replace('\'', "''").replace('\0', "");
    format!(
        "select id from session where directory = '{dir}' and parent_id is null \
         order by time_updated desc limit {SESSION_COUNT_MAX}"
    )
}

/// Returns the ids in the answer to [`sessions_query`].
pub fn sessions(answer: &Value) -> Vec<String> {
    let ids = answer.as_array().into_iter().flatten().map(|row| word(row, "id")).filter(|id| is_id(id));
    ids.map(str::to_owned).take(SESSION_COUNT_MAX).collect()
}

/// Returns the query for what of a conversation has changed since `after`, milliseconds since 1970, the oldest first; `None`
/// where that can be no conversation's id.
pub fn parts_query(session: &str, after: i64) -> Option<String> {
    is_id(session).then(|| {
        format!(
            "select * from (\
             select p.id as id, p.time_created as at, p.time_updated as updated, json_extract(m.data,'$.role') as role, \
             json_extract(p.data,'$.type') as type, substr(json_extract(p.data,'$.text'),1,{ROW_CHARS_MAX}) as text, \
             json_extract(p.data,'$.synthetic') as synthetic, json_extract(p.data,'$.time.end') as ended, \
             json_extract(p.data,'$.tool') as tool, json_extract(p.data,'$.state.status') as status, \
             substr(json_extract(p.data,'$.state.input'),1,{ROW_CHARS_MAX}) as input, \
             substr(json_extract(p.data,'$.state.error'),1,{ROW_CHARS_MAX}) as error \
             from part p join message m on m.id = p.message_id where p.session_id = '{session}' \
             union all select id, time_created, time_updated, 'assistant', 'refused', \
             substr(coalesce(json_extract(data,'$.error.data.message'), json_extract(data,'$.error.name')),1,{ROW_CHARS_MAX}), \
             null, null, null, null, null, null from message \
             where session_id = '{session}' and json_extract(data,'$.error') is not null\
             ) where updated >= {after} order by updated, id limit {ROW_COUNT_MAX}"
        )
    })
}

/// Returns what a row says; a text or a call that still goes on says nothing yet.
pub(super) fn entries(row: &Value, known: &mut Known) -> Vec<Entry> {
    let time = row["at"].as_i64().and_then(DateTime::<Utc>::from_timestamp_millis);
    let (text, status) = (word(row, "text"), word(row, "status"));
    let is_own = row["synthetic"].as_i64() == Some(1);
    let is_whole = match (word(row, "type"), word(row, "role")) {
        ("text", "assistant") => !row["ended"].is_null(),
        ("text", "user") => !is_own,
        ("tool", _) => ["completed", "error"].contains(&status),
        ("refused" | "compaction", _) => true,
        _ => false,
    };
    if !is_whole || known.replace(word(row, "id"), 1) > 0 {
        return Vec::new();
    }
    match (word(row, "type"), word(row, "role")) {
        ("text", "user") => vec![entry(time, Kind::Prompt, text)],
        ("text", _) => vec![entry(time, Kind::Says, text)],
        ("refused", _) => vec![line(time, Kind::Error, text)],
        ("compaction", _) => vec![line(time, Kind::Note, "the conversation was compacted")],
        _ => {
            let input = serde_json::from_str(word(row, "input")).unwrap_or(Value::Null);
            let mut entries = vec![call(time, word(row, "tool"), &input)];
            if status == "error" {
                entries.push(line(time, Kind::Failed, word(row, "error")));
            }
            entries
        }
    }
}
