//! `schema`: JSON Schemas of the definition and of what `--json` prints.

use serde_json::{Map, Value, json};

use super::Session;
use crate::args::SchemaArgs;
use crate::exit::Exit;
use crate::fault::Fault;

/// The definition's schema, whole.
const DEFINITION: &str = include_str!("../schema/definition.json");
/// The documents' schemas, and what several of them share.
const DOCUMENTS: &str = include_str!("../schema/documents.json");
/// The name of the definition's schema.
const OF_DEFINITION: &str = "definition";

/// Prints a schema, or the names of all.
pub(crate) fn schema(session: &Session, args: &SchemaArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    if args.list {
        for name in names()? {
            output.result(&format!("{name}\n"));
        }
        return Ok(Exit::Done);
    }
    let name = args.name.as_deref().unwrap_or(OF_DEFINITION);
    if name == OF_DEFINITION {
        output.result(DEFINITION);
        return Ok(Exit::Done);
    }
    let Some(schema) = document(name)? else {
        return Err(Fault::usage(format!("there is no schema `{name}`"))
            .hint(format!("there are {}", names()?.join(", "))));
    };
    output.json(&schema)?;
    Ok(Exit::Done)
}

fn read(text: &str) -> Result<Value, Fault> {
    serde_json::from_str(text)
        .map_err(|error| Fault::failed(format!("a schema of this build cannot be read: {error}")))
}

/// Lists the names of all schemas.
fn names() -> Result<Vec<String>, Fault> {
    let all = read(DOCUMENTS)?;
    let documents = all["documents"].as_object().into_iter().flat_map(Map::keys).cloned();
    Ok(std::iter::once(OF_DEFINITION.to_owned()).chain(documents).collect())
}

/// Makes the schema of a document, with what it needs of the shared parts.
fn document(name: &str) -> Result<Option<Value>, Fault> {
    let all = read(DOCUMENTS)?;
    let Some(Value::Object(own)) = all["documents"].get(name) else { return Ok(None) };
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!(format!("wucluster {name}")));
    schema.extend(own.clone());
    let mut parts = Map::new();
    let mut wanted = references(&Value::Object(own.clone()));
    while let Some(part) = wanted.pop() {
        if let (false, Some(body)) = (parts.contains_key(&part), all["$defs"].get(&part)) {
            wanted.extend(references(body));
            parts.insert(part, body.clone());
        }
    }
    schema.insert("$defs".to_owned(), Value::Object(parts));
    Ok(Some(Value::Object(schema)))
}

/// Lists the shared parts that a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(to) if key == "$ref" => vec![to.trim_start_matches("#/$defs/").to_owned()],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
