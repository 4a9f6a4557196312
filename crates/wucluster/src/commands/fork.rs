//! `fork`: writes the definition of a second cluster that begins from this one's snapshots.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml_edit::{Array, DocumentMut, Item, Value};
use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::ids::{ClusterName, MountKey, MountName, SnapshotId};
use wucluster_core::interlock::data::Source;
use wucluster_core::tags::BackTo;
use wucluster_core::time::Timestamp;

use super::Session;
use super::generation::{self, Then, words};
use super::init::write;
use crate::args::ForkArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::{self, SUFFIX, find};
use crate::render::look::Look;
use crate::render::table::{Cell, Column, Table};
use crate::render::words::{ago, count};
use crate::site::Site;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a ClusterName,
    fork: &'a ClusterName,
    /// The file that was written.
    file: String,
    generation: Option<u64>,
    checkpoint: Option<u64>,
    read_at: Timestamp,
    mounts: &'a [Begins],
}

/// What a mount of the second cluster begins from.
#[derive(Debug, Serialize)]
struct Begins {
    mount: MountKey,
    /// The snapshot; `None`: it has none that is so old, and begins as the definition says.
    from: Option<SnapshotId>,
    /// Of which generation that is.
    generation: Option<u64>,
    /// Of which checkpoint, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<u64>,
    /// When it was taken.
    taken_at: Option<Timestamp>,
    /// Whether the mount has a volume now, which may hold what is in no snapshot.
    is_up: bool,
    /// The same, or the base or the blank volume that the definition has in its place.
    #[serde(skip)]
    source: Source,
    /// The size that its snapshot takes, if that is more than the definition has.
    #[serde(skip)]
    size: Option<Size>,
}

/// Writes the definition of a second cluster.
pub(crate) async fn fork(session: &Session, args: &ForkArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let definition = session.definition()?;
    let name = ClusterName::new(args.name.as_str()).map_err(|error| {
        Fault::usage(error.to_string())
            .hint("a name has a-z, 0-9 and - in it, and at most 32 of them")
    })?;
    if name == definition.name {
        return Err(Fault::usage(format!("this cluster is `{name}` itself; nothing was written"))
            .hint("give the second one another name"));
    }
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    let observation = site.look_at_cloud(&definition).await?;
    let back = match generation::back_to(args.generation, args.checkpoint) {
        Some(back) => {
            generation::exists(back, &observation)?;
            back
        }
        None => observation.snapshot_generation_max().map(BackTo::Generation).ok_or_else(|| {
            Fault::usage(format!(
                "{} has no snapshot to begin from; nothing was written",
                definition.name
            ))
            .hint("each put-away takes one of each mount, and `wucluster checkpoint` of each that is mounted")
        })?,
    };
    let now = site.now();
    let begins = begin(&Then { definition: &definition, observation: &observation, back, now })?;
    let file = input::read(find(session.globals.file.as_deref())?)?;
    let text = forked(&file.text, &definition, &name, &begins)
        .and_then(|text| checked(text, &name, &begins))
        .map_err(|why| {
            Fault::failed(format!("the definition cannot be forked: {why}; nothing was written"))
        })?;
    // The template's own first line names the first cluster.
    let titled = |name: &ClusterName| format!("# What the cluster {name} is. ");
    let text = text.replacen(&titled(&definition.name), &titled(&name), 1);
    let head = format!("# A fork of {}, begun from its {}.\n", definition.name, words(back));
    let text = head + &text;
    let path = match &args.output {
        Some(path) if path == Path::new("-") => {
            output.result(&text);
            return Ok(Exit::Done);
        }
        Some(path) => path.clone(),
        // A second definition in this folder would leave no command without `-f`.
        None => {
            let folder = PathBuf::from(name.as_str());
            fs::create_dir_all(&folder).map_err(|error| Fault::file("make", &folder, &error))?;
            folder.join(format!("{name}{SUFFIX}"))
        }
    };
    write(&path, &text)?;
    if output.is_json {
        output.json(&Document {
            schema: "wucluster/fork/1",
            cluster: &definition.name,
            fork: &name,
            file: path.display().to_string(),
            generation: if let BackTo::Generation(number) = back { Some(number) } else { None },
            checkpoint: if let BackTo::Checkpoint(number) = back { Some(number) } else { None },
            read_at: observation.cloud_asked_at,
            mounts: &begins,
        })?;
        return Ok(Exit::Done);
    }
    output.result(&screen(&begins, now, &output.out));
    output.result(&format!(
        "{} is written: {name} begins from {} of {}.\n",
        path.display(),
        words(back),
        definition.name
    ));
    let up = begins.iter().filter(|one| one.is_up).count();
    if up > 0 {
        output.result(&format!(
            "{} up now: what was written since is not in it.\n",
            if up == 1 { "1 mount is".to_owned() } else { format!("{} are", count(up, "mount")) }
        ));
    }
    output.result(&format!(
        "Until it was put away once it needs these snapshots: `prune` of {} may take those of old generations.\n",
        definition.name
    ));
    output.next_for(&path, "launch");
    Ok(Exit::Done)
}

/// Finds what each mount begins from.
///
/// # Errors
/// [`Exit::Held`] where that is not complete.
fn begin(then: &Then<'_>) -> Result<Vec<Begins>, Fault> {
    let mut all = Vec::new();
    for (key, defined) in then.definition.mounts() {
        let source = then.held(&key).map_err(|why| {
            Fault::new(Exit::Held, format!("{key}: {why}; nothing was written"))
                .hint("choose another generation: `wucluster snapshots` lists them")
        })?;
        let seen = if let Source::Own(seen) = &source { Some(seen) } else { None };
        let volumes = then.observation.mount(&key).map(|mount| &mount.volumes);
        all.push(Begins {
            from: seen.map(|seen| seen.id.clone()),
            generation: seen.and_then(|seen| seen.tags.generation()),
            checkpoint: seen.and_then(|seen| seen.tags.checkpoint()).map(|of| of.number),
            taken_at: seen.and_then(|seen| seen.started_at),
            is_up: volumes.is_some_and(|volumes| !volumes.is_empty()),
            size: seen.map(|seen| seen.size).filter(|size| *size > defined.size),
            mount: key,
            source,
        });
    }
    Ok(all)
}

/// Writes the second definition: the text of the first with another name, and what each mount begins from.
fn forked(
    text: &str,
    definition: &ClusterDefinition,
    name: &ClusterName,
    begins: &[Begins],
) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    set(&mut document["cluster"], "name", name.as_str())?;
    let of_mount: BTreeMap<&MountKey, &Begins> =
        begins.iter().map(|one| (&one.mount, one)).collect();
    let mut groups: BTreeMap<(&str, &MountName), Vec<&Begins>> = BTreeMap::new();
    for (key, _) in definition.mounts() {
        let Some(node) = definition.nodes.get(&key.node) else { continue };
        let Some(begins) = of_mount.get(&key) else { continue };
        let Some((mount, _)) = node.mounts.get_key_value(&key.mount) else { continue };
        groups.entry((node.group.as_str(), mount)).or_default().push(begins);
    }
    for ((group, mount), nodes) in groups {
        let missing = || format!("`node.{group}.mount.{mount}` is not where it was read");
        let item = document["node"]
            .get_mut(group)
            .and_then(|item| item.get_mut("mount"))
            .and_then(|item| item.get_mut(mount.as_str()))
            .ok_or_else(missing)?;
        if let Some(from) = from(&nodes) {
            set(item, "from", from)?;
        }
        // A volume is never smaller than its snapshot.
        if let Some(size) = nodes.iter().filter_map(|one| one.size).max() {
            set(item, "size", size.to_string())?;
        }
    }
    Ok(document.to_string())
}

/// Makes the value of `from`; `None` where no node has a snapshot, and it stays as it is.
fn from(nodes: &[&Begins]) -> Option<Value> {
    if nodes.iter().all(|one| one.from.is_none()) {
        return None;
    }
    if let [one] = nodes {
        return one.from.as_ref().map(|id| id.as_str().into());
    }
    let list: Array =
        nodes.iter().map(|one| one.source.snapshot().map_or("", SnapshotId::as_str)).collect();
    Some(list.into())
}

fn set(item: &mut Item, key: &str, to: impl Into<Value>) -> Result<(), String> {
    let is_inline = item.is_inline_table();
    let table = item.as_table_like_mut().ok_or_else(|| format!("`{key}` has no table"))?;
    let mut to = to.into();
    // What is written beside the former value, comments too, stays there; and so does the room before a brace.
    if let Some(was) = table.get(key).and_then(Item::as_value) {
        *to.decor_mut() = was.decor().clone();
    } else if let Some((_, Item::Value(last))) = table.iter_mut().last().filter(|_| is_inline) {
        if let Some(room) = last.decor().suffix().cloned() {
            to.decor_mut().set_suffix(room);
        }
        last.decor_mut().set_suffix("");
    }
    table.insert(key, Item::Value(to));
    Ok(())
}

/// Passes a text that defines what was meant.
fn checked(text: String, name: &ClusterName, begins: &[Begins]) -> Result<String, String> {
    let parsed = ClusterDefinition::parse(&text)
        .map_err(|found| found.first().map_or_else(String::new, |first| first.message.clone()))?;
    let is_meant = |one: &Begins| {
        parsed.mount(&one.mount).is_some_and(|mount| {
            one.from.is_none()
                || mount.from == one.from && one.size.is_none_or(|size| mount.size >= size)
        })
    };
    match begins.iter().find(|one| !is_meant(one)) {
        None if parsed.name == *name => Ok(text),
        None => Err("its name did not change".to_owned()),
        Some(one) => Err(format!("{} would not begin from its snapshot", one.mount)),
    }
}

fn screen(begins: &[Begins], now: Timestamp, look: &Look) -> String {
    let mut table = Table::new([
        Column::new(""),
        Column::new("BEGINS FROM"),
        Column::new(""),
        Column::new("").shrinks(),
    ])
    .indent(2);
    for one in begins {
        let [from, of] = generation::begins_from(&one.source);
        let taken = one.taken_at.map_or_else(String::new, |at| ago(at, now));
        table.row([Cell::new(one.mount.to_string()), from, of, Cell::new(taken)]);
    }
    format!("{}\n", table.render(look))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# Mine.
[cluster]
name = "gibbon"   # the first
provider = "sim"

[node.chief]
mount.home = { at = "/mnt/home", size = "40 GiB" }   # with care

[node.worker]
count = 2
[node.worker.mount.scratch]
at = "/mnt/scratch"
size = "20 GiB"
from = "snap-9"
"#;

    fn begins(mount: &str, from: Option<&str>, gib: Option<u32>) -> Begins {
        Begins {
            mount: MountKey::try_from(mount.to_owned()).unwrap(),
            from: from.map(SnapshotId::new),
            generation: Some(2),
            checkpoint: None,
            taken_at: None,
            is_up: false,
            source: match (from, mount.starts_with("worker")) {
                (Some(id), _) => Source::Base(SnapshotId::new(id)),
                (None, true) => Source::Base(SnapshotId::new("snap-9")),
                (None, false) => Source::Blank,
            },
            size: gib.map(Size::from_gib),
        }
    }

    fn made(begins: &[Begins]) -> Result<String, String> {
        let definition = ClusterDefinition::parse(TEXT).unwrap();
        let name = ClusterName::new("trial").unwrap();
        forked(TEXT, &definition, &name, begins).and_then(|text| checked(text, &name, begins))
    }

    #[test]
    fn the_text_stays_as_it_was_written_but_for_name_and_snapshots() {
        let text = made(&[
            begins("chief/home", Some("snap-1"), Some(50)),
            begins("worker-1/scratch", Some("snap-2"), None),
            begins("worker-2/scratch", None, None),
        ]);
        insta::assert_snapshot!(text.unwrap(), @r#"
        # Mine.
        [cluster]
        name = "trial"   # the first
        provider = "sim"

        [node.chief]
        mount.home = { at = "/mnt/home", size = "50 GiB", from = "snap-1" }   # with care

        [node.worker]
        count = 2
        [node.worker.mount.scratch]
        at = "/mnt/scratch"
        size = "20 GiB"
        from = ["snap-2", "snap-9"]
        "#);
    }

    #[test]
    fn what_has_no_snapshot_begins_as_the_definition_says() {
        let text = made(&[
            begins("chief/home", None, None),
            begins("worker-1/scratch", None, None),
            begins("worker-2/scratch", None, None),
        ]);
        assert_eq!(text.unwrap(), TEXT.replace("gibbon", "trial"));
    }
}
