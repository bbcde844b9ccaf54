//! Two copies of the crate in one process: this program's, and that of a plugin, which cargo builds
//! from `plugin.rs` as a library of its own.

use crate::subjects::{Channel, Entry, Lock, Subject};
use crate::tools::{Thread, make};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, io};

#[repr(C)]
struct Text {
    start: *const u8,
    length: usize,
}

impl Text {
    fn of(text: &'static str) -> Self {
        Text {
            start: text.as_ptr(),
            length: text.len(),
        }
    }
}

type Call = unsafe extern "C" fn(&Text, *const (), &Text, &Text) -> i32;

/// The plugin, which stays loaded.
#[derive(Clone, Copy)]
struct Plugin(Call);

/// A subject as the plugin finds it.
struct Guest<S: 'static> {
    plugin: Plugin,
    subject: &'static S,
    /// Its name, if the plugin is to open it by that.
    name: &'static str,
}

// By hand: also of subjects that are no copies.
impl<S: 'static> Clone for Guest<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: 'static> Copy for Guest<S> {}

impl<S: Subject> Guest<S> {
    /// Whether the plugin says yes; `None` if it panics.
    fn tells(self, operation: &'static str) -> Option<bool> {
        let [kind, name, operation] = [S::NAME, self.name, operation].map(Text::of);
        let address = std::ptr::from_ref(self.subject).cast();
        // SAFETY: a subject of this kind, which is leaked, and texts.
        match unsafe { (self.plugin.0)(&kind, address, &name, &operation) } {
            -1 => None,
            answer => Some(answer == 1),
        }
    }

    fn does(self, operation: &'static str) {
        assert_eq!(self.tells(operation), Some(true), "{operation}");
    }
}

/// Where the plugin is built: its package, and what cargo makes of it.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("lifecycle-plugin")
}

/// Whether the file is there, with this text.
fn is(path: &Path, text: &[u8]) -> bool {
    fs::read(path).is_ok_and(|found| found == text)
}

/// Writes the file unless it is there. Several processes may do so at once.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    if is(path, text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("it has one"))?;
    let new = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&new, text)?;
    fs::rename(new, path)
}

/// Builds the plugin, from what cargo has fetched for this crate. The runner does that: it takes as
/// long as it takes.
pub(crate) fn build() -> Result<(), String> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    let build = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (folder, package) = (folder(), folder().join("package"));
        let manifest = manifest(root);
        write(&package.join("Cargo.toml"), manifest.as_bytes())?;
        // The versions that this crate is built with. (Cargo leaves out those that are not used.)
        let versions = fs::read(root.join("Cargo.lock"))?;
        if !is(&package.join("versions"), &versions) {
            write(&package.join("Cargo.lock"), &versions)?;
            write(&package.join("versions"), &versions)?;
        }
        let cargo = std::env::var("CARGO").unwrap_or(env!("CARGO").into());
        Command::new(cargo)
            .args(["build", "--offline", "--quiet", "--manifest-path"])
            .arg(package.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&folder)
            .output()
    };
    let built = BUILT.get_or_init(|| {
        let built = build().map_err(|error| error.to_string())?;
        let errors = || String::from_utf8_lossy(&built.stderr).into_owned();
        built.status.success().then_some(()).ok_or_else(errors)
    });
    built.clone()
}

fn manifest(root: &Path) -> String {
    format!(
        r#"[package]
name = "lifecycle-plugin"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[lib]
crate-type = ["cdylib"]
path = {source:?}

[dependencies]
anteroom = {{ path = {root:?} }}
"#,
        source = root.join("tests/lifecycle/plugin.rs"),
    )
}

fn plugin() -> Plugin {
    load(&folder().join("debug/liblifecycle_plugin.so"))
}

fn load(library: &Path) -> Plugin {
    let path = CString::new(library.to_str().expect("a text")).unwrap();
    // SAFETY: a library in Rust, which does nothing when it is loaded.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!library.is_null(), "{path:?} was not loaded");
    // SAFETY: a library that stays loaded.
    let call = unsafe { libc::dlsym(library, c"anteroom_plugin".as_ptr()) };
    assert!(!call.is_null(), "{path:?} has no such function");
    // SAFETY: that is the function's type.
    Plugin(unsafe { std::mem::transmute::<*mut libc::c_void, Call>(call) })
}

fn guest_in_process<S: Subject>() -> Guest<S> {
    Guest {
        plugin: plugin(),
        subject: make::<S>().0,
        name: "",
    }
}

/// Its name is not removed before the process has ended.
fn guest_between<S: Subject>() -> Guest<S> {
    let (subject, name) = make::<S>();
    let has_name = S::open(&name).is_some();
    let name: &'static str = Box::leak(Box::new(name));
    Guest {
        plugin: plugin(),
        subject,
        name: if has_name { name } else { "" },
    }
}

/// Each copy sees that the other one holds it, and can take it when it is free. (Waiters are for
/// one copy to wake.)
pub(crate) fn uncontended<L: Lock>() {
    let guest = guest_in_process::<L>();
    let lock = guest.subject;
    for _ in 0..10 {
        assert_eq!(lock.enter(), Entry::Cleanly);
        guest.does("enter");
        let guard = lock.hold();
        assert_eq!(guest.tells("try_enter"), Some(false));
        drop(guard);
        guest.does("hold");
        assert!(!lock.try_enter());
        guest.does("release");
        assert!(lock.try_enter());
    }
}

/// What one copy does not see it does not pass: a writer of one copy panics where the other one has
/// biased the lock, and the lock is as it was.
pub(crate) fn reader_of_the_other_copy() {
    use crate::subjects::ReadLocked;
    let guest = guest_in_process::<ReadLocked>();
    // Biased in this copy.
    let guard = guest.subject.hold();
    assert_eq!(guest.tells("try_enter"), None, "a writer that panics");
    assert!(!guest.subject.try_enter());
    drop(guard);
    assert!(guest.subject.try_enter());
    let guest = guest_in_process::<ReadLocked>();
    // The other copy's reader, here without bias.
    guest.does("hold");
    assert!(!guest.subject.try_enter(), "a writer beside a reader");
    guest.does("release");
    assert!(guest.subject.try_enter());
}

/// What they share is in the region.
pub(crate) fn between<L: Lock>() {
    let guest = guest_between::<L>();
    let lock = guest.subject;
    for _ in 0..3 {
        let guard = lock.hold();
        let waiter = Thread::asleep(move || guest.does("enter"));
        assert!(!waiter.is_done());
        drop(guard);
        waiter.join();

        guest.does("hold");
        let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
        assert!(!waiter.is_done());
        guest.does("release");
        waiter.join();
    }
    // A thread that holds one by each copy, and dies.
    let (other, _name) = make::<L>();
    Thread::spawn(move || {
        std::mem::forget(other.hold());
        guest.does("hold");
        // It is in a thread-local of the plugin's, which is dropped.
    })
    .join();
    assert_eq!(other.enter(), L::DEATH);
    assert_eq!(lock.enter(), Entry::Cleanly);
}

pub(crate) fn channel_between<C: Channel>() {
    let guest = guest_between::<C>();
    let channel = guest.subject;
    for _ in 0..3 {
        let waiter = Thread::asleep(move || guest.does("wait"));
        channel.signal();
        waiter.join();
        let waiter = Thread::asleep(|| channel.wait());
        guest.does("signal");
        waiter.join();
    }
}

/// A signal that no thread waits for.
pub(crate) fn condvar_uncontended() {
    let guest = guest_in_process::<crate::subjects::Condvar>();
    guest.does("signal");
    guest.subject.wait();
    guest.subject.signal();
    guest.does("wait");
}
