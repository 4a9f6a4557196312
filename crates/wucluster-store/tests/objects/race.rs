//! Who makes an object when several try at once: one, always.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _, stdin};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Barrier;
use wucluster_engine::store::objects::Objects;

const TASKS: usize = 8;
const RACES_OF_TASKS: usize = 100;
const RACES_OF_PROCESSES: usize = 200;

/// Lets eight tasks race for each of a hundred keys.
pub async fn of_tasks(objects: Arc<dyn Objects>) {
    for race in 0..RACES_OF_TASKS {
        let barrier = Arc::new(Barrier::new(TASKS));
        let racers: Vec<_> = (0..TASKS)
            .map(|racer| {
                let (objects, barrier) = (Arc::clone(&objects), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    let body = format!("racer {racer}");
                    objects.put_new(&format!("tasks/{race}"), body.as_bytes()).await.unwrap()
                })
            })
            .collect();
        let mut winners = Vec::new();
        for (number, racer) in racers.into_iter().enumerate() {
            if racer.await.unwrap() {
                winners.push(number);
            }
        }
        let body = objects.get(&format!("tasks/{race}")).await.unwrap().unwrap();
        let body = String::from_utf8(body).unwrap();
        assert_eq!(winners.len(), 1, "race {race}: {winners:?} won, and the body is of {body}");
        assert_eq!(body, format!("racer {}", winners[0]), "race {race}");
    }
}

/// In a process that was begun for a race, how its store is opened; the variable holds who it is.
const RACER: &str = "WUCLUSTER_TEST_RACER";

/// Says which racer this process is, if it is one.
pub fn racer() -> Option<String> {
    env::var(RACER).ok()
}

/// Races as the process that [`of_processes`] began: for each line that comes in, makes its key and tells what came of it.
pub async fn as_racer(objects: &dyn Objects, racer: &str) {
    for key in stdin().lock().lines().map(Result::unwrap) {
        let began = now_micros();
        let is_ours = objects.put_new(&key, racer.as_bytes()).await.unwrap();
        println!("\nracer {racer} {key} {is_ours} {began} {}", now_micros());
    }
}

fn now_micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// A process that races.
struct Racer {
    name: &'static str,
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Drop for Racer {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one racer tells of one race.
struct Told {
    is_ours: bool,
    began: u128,
    ended: u128,
}

impl Racer {
    /// Begins this very program anew, for the test that calls this alone.
    fn begin(name: &'static str, test: &str, variables: &[(String, String)]) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(RACER, name)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Self { name, child, says }
    }

    fn go(&mut self, key: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{key}").unwrap();
    }

    /// Reads what it tells of a race, passing over what the test program says of itself.
    fn hear(&mut self, key: &str) -> Told {
        loop {
            let mut line = String::new();
            assert!(self.says.read_line(&mut line).unwrap() > 0, "racer {} ended", self.name);
            let words: Vec<&str> = line.split_whitespace().collect();
            let ["racer", name, told_key, is_ours, began, ended] = words[..] else { continue };
            assert_eq!((name, told_key), (self.name, key));
            return Told {
                is_ours: is_ours == "true",
                began: began.parse().unwrap(),
                ended: ended.parse().unwrap(),
            };
        }
    }
}

/// Lets two processes race for each of two hundred keys. `test` is the name of the test that calls this; in the
/// processes that it begins it has to call [`as_racer`] instead.
pub async fn of_processes(objects: &dyn Objects, test: &str, variables: &[(String, String)]) {
    let mut racers = ["one", "two"].map(|name| Racer::begin(name, test, variables));
    let (mut won, mut at_once) = ([0, 0], 0);
    for race in 0..RACES_OF_PROCESSES {
        let key = format!("processes/{race}");
        racers.iter_mut().for_each(|racer| racer.go(&key));
        let told = racers.each_mut().map(|racer| racer.hear(&key));
        let body = objects.get(&key).await.unwrap().unwrap();
        let winner = match told.each_ref().map(|told| told.is_ours) {
            [true, false] => 0,
            [false, true] => 1,
            other => panic!("race {race}: {other:?}, and the body is {body:?}"),
        };
        assert_eq!(body, racers[winner].name.as_bytes(), "race {race}");
        won[winner] += 1;
        let [one, two] = &told;
        at_once += usize::from(one.began < two.ended && two.began < one.ended);
    }
    println!("{RACES_OF_PROCESSES} races, {at_once} of them at once: won {won:?}");
    for mut racer in racers {
        drop(racer.child.stdin.take());
        assert!(racer.child.wait().unwrap().success());
    }
}
