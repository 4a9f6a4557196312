//! The node image: built once per recipe from Debian packages, then shared by all machines.
//!
//! `<cache>/images/<recipe>/` holds `root.img`, `vmlinuz` and `image.json`. An image is built beside
//! and renamed once it is complete and durable: what is at that place is whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use wucluster_core::time::Timestamp;

use crate::error::LocalError;
use crate::files;
use crate::program::{self, IMAGE_TOOLS, ROOTLESS_TOOLS};
use crate::recipe::{self, Recipe};
use crate::store::now;

/// Longest time that building an image may take.
///
/// Measured 2026-11 on two cores with packages from a near mirror: 42 s. A slow line is the user's
/// own affair: the limit only ends what hangs.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Longest wait for another process that builds.
const LOCK_LIMIT: Duration = Duration::from_secs(35 * 60);
/// Free space that building takes. Unit: bytes. Measured: 700 MB at its widest.
const BUILD_SPACE: u64 = 1500 << 20;

/// How far the building of the node image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageProgress {
    /// What is being done, in a few words.
    pub step: String,
    /// Since when building runs.
    pub elapsed: Duration,
}

/// What is known about the node image of this host's recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStatus {
    /// The recipe's name.
    pub recipe: String,
    /// The Debian suite.
    pub suite: String,
    /// Where it lies, or will.
    pub dir: PathBuf,
    /// The image, if it is built.
    pub built: Option<ImageInfo>,
    /// Images of other recipes in the cache.
    pub old_recipes: Vec<String>,
}

/// A built image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// When it was built.
    pub built_at: Timestamp,
    /// How long that took.
    pub build_time: Duration,
    /// The space it takes. Unit: bytes.
    pub bytes: u64,
}

/// A node image, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The recipe's name.
    pub(crate) recipe: String,
    /// The disk that root disks are overlays of.
    pub(crate) disk: PathBuf,
    /// The kernel.
    pub(crate) kernel: PathBuf,
}

/// The images of a cache directory.
#[derive(Debug, Clone)]
pub(crate) struct ImageCache {
    dir: PathBuf,
}

impl ImageCache {
    /// Returns the images of a cache directory, which need not exist.
    pub(crate) fn new(cache_dir: &Path) -> Self {
        Self { dir: cache_dir.join("images") }
    }

    /// Tells what there is.
    pub(crate) fn status(&self) -> Result<ImageStatus, LocalError> {
        let recipe = Recipe::of_host()?;
        let name = recipe.hash();
        let dir = self.dir.join(&name);
        let built = files::read_json(&dir.join("image.json"))?;
        let mut old_recipes = self.names();
        old_recipes.retain(|old| old != &name);
        Ok(ImageStatus { recipe: name, suite: recipe.suite, dir, built, old_recipes })
    }

    /// Returns the image of a recipe.
    ///
    /// # Errors
    /// [`LocalError::ImageMissing`] when it is not built.
    pub(crate) fn get(&self, recipe: &str) -> Result<Image, LocalError> {
        let dir = self.dir.join(recipe);
        let dir = dir.canonicalize().map_err(|_| LocalError::ImageMissing { path: dir })?;
        Ok(Image {
            recipe: recipe.to_owned(),
            disk: dir.join("root.img"),
            kernel: dir.join("vmlinuz"),
        })
    }

    /// Returns the image of this host's recipe.
    pub(crate) fn current(&self) -> Result<Image, LocalError> {
        self.get(&Recipe::of_host()?.hash())
    }

    /// Returns the image of this host's recipe, building it first if need be.
    pub(crate) async fn ensure(
        &self,
        mut progress: impl FnMut(ImageProgress),
    ) -> Result<Image, LocalError> {
        let recipe = Recipe::of_host()?;
        let name = recipe.hash();
        if let Ok(image) = self.get(&name) {
            return Ok(image);
        }
        let since = Instant::now();
        let mut tell = |step: &str| {
            progress(ImageProgress { step: step.to_owned(), elapsed: since.elapsed() });
        };
        let is_root = rustix::process::geteuid().is_root();
        let rootless = if is_root { &[] } else { ROOTLESS_TOOLS };
        program::require(IMAGE_TOOLS.iter().chain(rootless))?;
        files::create_private_dir(&self.dir)?;
        let lock_path = self.dir.join("lock");
        if files::is_locked(&lock_path)? {
            tell("waiting for another process that builds it");
        }
        let lock = files::lock(&lock_path, LOCK_LIMIT).await?;
        if let Ok(image) = self.get(&name) {
            return Ok(image);
        }
        self.remove_half_built()?;
        let free = files::free_bytes(&self.dir)?;
        if free < BUILD_SPACE {
            return Err(LocalError::Unsupported {
                why: format!(
                    "building the node image takes {} MiB in {}, and {} MiB are free there",
                    BUILD_SPACE >> 20,
                    self.dir.display(),
                    free >> 20
                ),
            });
        }
        let work = self.dir.join(format!(".build-{name}"));
        files::create_private_dir(&work)?;
        let building = self.build(&recipe, &work, &lock, is_root, &mut tell);
        let built = match tokio::time::timeout(BUILD_LIMIT, building).await {
            Ok(built) => built,
            Err(_) => {
                Err(LocalError::ProgramSlow { program: "mmdebstrap".into(), limit: BUILD_LIMIT })
            }
        };
        if let Err(error) = built {
            // Whatever cannot be removed now is removed by the next build.
            let _ = self.remove_half_built();
            return Err(error);
        }
        let bytes = ["root.img", "vmlinuz"].map(|file| files::allocated_bytes(&work.join(file)));
        let info =
            ImageInfo { built_at: now(), build_time: since.elapsed(), bytes: bytes.iter().sum() };
        files::write_json(&work.join("image.json"), &info)?;
        let dir = self.dir.join(&name);
        fs::rename(&work, &dir).map_err(LocalError::file("put in place", &dir))?;
        files::sync_dir(&self.dir)?;
        tell("built");
        self.get(&name)
    }

    async fn build(
        &self,
        recipe: &Recipe,
        work: &Path,
        lock: &File,
        is_root: bool,
        tell: &mut impl FnMut(&str),
    ) -> Result<(), LocalError> {
        let path = |name: &str| work.join(name);
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let sources = path("host.sources");
        fs::write(&sources, &recipe.sources).map_err(LocalError::file("write", &sources))?;
        let script = path("assemble.sh");
        fs::write(&script, recipe::ASSEMBLE).map_err(LocalError::file("write", &script))?;

        tell("asking for the package lists");
        // Root writes the tree where it belongs. Anybody else gets it as a tar file out of a user
        // namespace, and unpacks it with pretended owners.
        let (mode, format, tree) = if is_root {
            ("--mode=root", "--format=directory", path("tree"))
        } else {
            ("--mode=unshare", "--format=tar", path("tree.tar"))
        };
        let mut arguments = recipe.options().await;
        arguments.extend([mode.to_owned(), format.to_owned()]);
        // As text, not as a file: inside the namespace our private directory cannot be read.
        arguments.push(format!("--customize-hook={}", recipe::CUSTOMIZE));
        arguments.extend([recipe.suite.clone(), text(tree.clone()), text(sources.clone())]);
        run_told(program::command("mmdebstrap", arguments), lock, tell).await?;

        tell("making the disk");
        let disk = path("root.img");
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&disk)
            .and_then(|file| file.set_len(recipe::ROOT_OFFSET + recipe::ROOT_BYTES))
            .map_err(LocalError::file("make", &disk))?;
        let assemble = [
            text(script),
            text(tree),
            text(disk.clone()),
            text(path("vmlinuz")),
            recipe::ROOT_OFFSET.to_string(),
            (recipe::ROOT_BYTES / 4096).to_string(),
        ];
        let command = if is_root {
            program::command("sh", &assemble)
        } else {
            program::command(
                "fakeroot",
                std::iter::once("sh").chain(assemble.iter().map(String::as_str)),
            )
        };
        run_told(command, lock, tell).await?;
        OpenOptions::new()
            .write(true)
            .open(&disk)
            .and_then(|mut file| {
                file.write_all(&recipe::partition_table())?;
                file.sync_all()
            })
            .map_err(LocalError::file("write", &disk))?;
        for leftover in ["assemble.sh", "host.sources", "tree.tar"] {
            files::remove_all(&path(leftover))?;
        }
        File::open(path("vmlinuz"))
            .and_then(|file| file.sync_all())
            .map_err(LocalError::file("make durable", work))
    }

    /// Removes images of other recipes than `keep`, and what builders left half done.
    ///
    /// # Errors
    /// As file operations fail. Images in use by a machine must be in `keep`.
    pub(crate) fn remove_others(&self, keep: &[String]) -> Result<Vec<String>, LocalError> {
        if !self.dir.exists() {
            return Ok(Vec::new());
        }
        let Some(_lock) = files::try_lock(&self.dir.join("lock"))? else {
            return Ok(Vec::new());
        };
        self.remove_half_built()?;
        let mut removed = self.names();
        removed.retain(|name| !keep.contains(name));
        for name in &removed {
            files::remove_all(&self.dir.join(name))?;
        }
        Ok(removed)
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join("root.img").exists())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// Removes what builders left half done. The lock must be held: nobody builds now.
    fn remove_half_built(&self) -> Result<(), LocalError> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for entry in fs::read_dir(&self.dir).map_err(LocalError::file("list", &self.dir))? {
            let path = entry.map_err(LocalError::file("list", &self.dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with(".build-") {
                continue;
            }
            // mmdebstrap mounts in a namespace of its own. Should a mount be here all the same,
            // removing would reach through it into the host.
            if mounts.lines().any(|line| line.contains(&name)) {
                return Err(LocalError::Unsupported {
                    why: format!("something is mounted below {}; unmount it first", path.display()),
                });
            }
            files::remove_all(&path)?;
        }
        Ok(())
    }
}

/// Ends a program with all that it started, unless it came to its own end.
struct Group(Option<rustix::process::Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0.take() {
            // It may just have ended; there is nobody to tell.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::TERM);
        }
    }
}

/// Runs a program, telling its steps, and passes it the lock: as long as anything of it lives, the
/// lock is held, whatever becomes of us.
async fn run_told(
    mut command: Command,
    lock: &File,
    tell: &mut impl FnMut(&str),
) -> Result<(), LocalError> {
    let program = program::name_of(&command);
    let lock = lock.try_clone().map_err(LocalError::file("share", Path::new("the lock")))?;
    command.stdin(Stdio::from(lock)).stdout(Stdio::null()).kill_on_drop(false);
    command.as_std_mut().process_group(0);
    let failed = |status: String, output: String| LocalError::Program {
        program: program.clone(),
        status,
        output,
    };
    let mut child =
        command.spawn().map_err(|error| failed("not started".into(), error.to_string()))?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group(pid.and_then(rustix::process::Pid::from_raw));
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(step) = line.strip_prefix("I: ") {
                // The hook is told with its whole text.
                let is_hook = step.starts_with("running --customize-hook");
                tell(if is_hook { "turning it into a node" } else { step.trim_end_matches('.') });
            } else {
                said.push_str(&line);
                said.push('\n');
            }
        }
    }
    let status = child.wait().await.map_err(|error| failed("lost".into(), error.to_string()))?;
    group.0 = None;
    if status.success() {
        return Ok(());
    }
    Err(failed(status.to_string(), program::last_lines(&said, 8)))
}
