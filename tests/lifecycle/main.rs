//! The events of a lock's life, and what each primitive does at them: the tests that
//! `src/lifecycle.md` names, and one of that table itself.
//!
//! A test is an event's and a primitive's: `fork_while_free::mutex`. Each runs in a process of its
//! own ([`runner`]). A test whose premise does not hold here (root, seccomp, SCHED_FIFO) says so
//! and counts as ignored.
#![cfg(target_os = "linux")]

mod copies;
mod exec;
mod exit;
mod fork;
mod identity;
mod memory;
mod peers;
mod refusals;
mod runner;
mod scheduling;
mod signals;
mod stops;
mod subjects;
mod table;
mod thread_end;
mod tools;

use libtest_mimic::{Arguments, Trial};
use peers::*;
use subjects::*;

/// A test: its name and what it does.
pub(crate) type Test = (String, fn());

/// All of them.
pub(crate) fn tests() -> Vec<Test> {
    let (mut tests, peers) = ours_and_peers();
    if std::env::var_os("ANTEROOM_LIFECYCLE_PEERS").is_some() {
        tests.extend(peers);
    }
    tests
}

/// Those of this crate's primitives, and those of other libraries'.
pub(crate) fn ours_and_peers() -> (Vec<Test>, Vec<Test>) {
    let mut tests: Vec<Test> = Vec::new();
    let mut peers: Vec<Test> = Vec::new();
    // An event, the function that tests it, and the subjects that it is a test of. (The lists have
    // those that other libraries have of the same kind, too.)
    macro_rules! event {
        ($event:literal, $module:ident::$function:ident, locks) => {
            event!($event, $module::$function, [Mutex Written ReadLocked Semaphore]);
            event!(
                peers,
                $event,
                $module::$function,
                [StdMutex StdWritten StdRead PlMutex PlWritten PlRead CMutex CWritten CRead
                 CSemaphore]
            );
        };
        ($event:literal, $module:ident::$function:ident, shared_locks) => {
            event!(
                $event,
                $module::$function,
                [SharedMutex SharedWritten SharedRead SharedSemaphore]
            );
            event!(
                peers,
                $event,
                $module::$function,
                [CSharedMutex CSharedWritten CSharedRead CSharedSemaphore]
            );
        };
        ($event:literal, $module:ident::$function:ident, channels) => {
            event!($event, $module::$function, [SharedCondvar Queue Pipe Named Memory]);
            event!(
                peers,
                $event,
                $module::$function,
                [CSharedCondvar KernelQueue KernelPipe KernelFifo KernelMemory]
            );
        };
        // Those that have a name.
        ($event:literal, $module:ident::$function:ident, named) => {
            event!($event, $module::$function, [SharedCondvar Queue Named Memory]);
            event!(
                peers,
                $event,
                $module::$function,
                [CSharedCondvar KernelQueue KernelFifo KernelMemory]
            );
        };
        ($event:literal, $module:ident::$function:ident, [Condvar]) => {
            event!(tests, $event, $module::$function, [Condvar]);
            event!(peers, $event, $module::$function, [StdCondvar PlCondvar CCondvar]);
        };
        ($event:literal, $module:ident::$function:ident, [$($subject:ident)*]) => {
            event!(tests, $event, $module::$function, [$($subject)*]);
        };
        ($to:ident, $event:literal, $module:ident::$function:ident, [$($subject:ident)*]) => {$(
            $to.push((
                format!("{}::{}", $event, $subject::NAME),
                $module::$function::<$subject>,
            ));
        )*};
        ($event:literal, $module:ident::$function:ident, $name:literal) => {
            tests.push((format!("{}::{}", $event, $name), $module::$function));
        };
    }

    event!("fork_while_free", fork::while_free, locks);
    event!("fork_while_free", fork::condvar_while_free, [Condvar]);
    event!("fork_while_free", fork::while_free_between, shared_locks);
    event!(
        "fork_while_free",
        fork::channel_while_free_between,
        channels
    );

    event!("fork_while_held", fork::while_held_by_the_forker, locks);
    event!("fork_while_held", fork::condvar_while_mutex_held, "condvar");
    event!(
        "fork_while_held",
        fork::while_held_by_the_forker_between,
        shared_locks
    );
    event!("fork_while_held", fork::channel_while_holding, channels);

    event!(
        "fork_while_another_holds",
        fork::while_held_by_another_thread,
        locks
    );
    event!(
        "fork_while_another_holds",
        fork::while_held_by_another_thread_between,
        shared_locks
    );
    event!(
        "fork_while_another_holds",
        fork::channel_in_the_middle_of_a_call,
        channels
    );

    event!("fork_while_waited_for", fork::while_waited_for, locks);
    event!(
        "fork_while_waited_for",
        fork::readers_while_writers_wait,
        "rwlock_read_beside"
    );
    event!(
        "fork_while_waited_for",
        fork::condvar_while_waited_for,
        [Condvar]
    );
    event!(
        "fork_while_waited_for",
        fork::while_waited_for_between,
        shared_locks
    );
    event!(
        "fork_while_waited_for",
        fork::channel_while_waited_for,
        channels
    );

    event!("exec", exec::by_the_holder, locks);
    event!("exec", exec::makes_a_new_condvar, "condvar");
    event!("exec", exec::by_the_holder_between, shared_locks);
    event!("exec", exec::by_another_thread, "by_another_thread");
    event!("exec", exec::while_it_is_waited_for, named);
    event!("exec", exec::closes_the_ends_of_a_pipe, "shared_pipe");

    event!(
        "guard_in_a_thread_local",
        thread_end::guard_in_a_thread_local,
        locks
    );
    event!(
        "guard_in_a_thread_local",
        thread_end::condvar_guard_in_a_thread_local,
        "condvar"
    );
    event!(
        "guard_in_a_thread_local",
        thread_end::guard_in_a_thread_local,
        shared_locks
    );
    event!(
        "guard_in_a_thread_local",
        thread_end::shared_condvar_guard_in_a_thread_local,
        "shared_condvar"
    );
    event!(
        "guard_in_a_thread_local",
        thread_end::channel_in_a_thread_local,
        [Queue Named Memory]
    );
    event!(
        peers,
        "guard_in_a_thread_local",
        thread_end::channel_in_a_thread_local,
        [KernelMemory]
    );
    event!(
        "guard_in_a_thread_local",
        thread_end::pipe_in_a_thread_local,
        "shared_pipe"
    );

    event!("guard_forgotten", thread_end::forgotten_guard, locks);
    event!(
        "guard_forgotten",
        thread_end::condvar_guard_forgotten,
        "condvar"
    );
    event!(
        "guard_forgotten",
        thread_end::forgotten_guard_between,
        shared_locks
    );
    event!(
        "guard_forgotten",
        thread_end::shared_condvar_guard_forgotten,
        "shared_condvar"
    );
    event!(
        peers,
        "guard_forgotten",
        thread_end::peer_ends_with_the_mutex,
        [CSharedCondvar]
    );
    event!("guard_forgotten", thread_end::forgotten_channel, [Queue Named Memory]);
    event!(
        peers,
        "guard_forgotten",
        thread_end::forgotten_channel,
        [KernelMemory]
    );
    event!("guard_forgotten", thread_end::forgotten_pipe, "shared_pipe");

    event!("guard_leaked", thread_end::leaked_guard, locks);
    event!("guard_leaked", thread_end::condvar_guard_leaked, "condvar");
    event!(
        "guard_leaked",
        thread_end::leaked_guard_between,
        shared_locks
    );
    event!(
        "guard_leaked",
        thread_end::shared_condvar_guard_leaked,
        "shared_condvar"
    );
    event!(
        peers,
        "guard_leaked",
        thread_end::peer_ends_with_the_mutex,
        [CSharedCondvar]
    );
    event!("guard_leaked", thread_end::leaked_channel, [Queue Named Memory]);
    event!(
        peers,
        "guard_leaked",
        thread_end::leaked_channel,
        [KernelMemory]
    );
    event!("guard_leaked", thread_end::leaked_pipe, "shared_pipe");

    event!("exit_while_held", exit::with_a_guard_alive, locks);
    event!("exit_while_held", exit::while_a_thread_waits, [Condvar]);
    event!(
        "exit_while_held",
        exit::with_a_guard_alive_between,
        shared_locks
    );
    event!("exit_while_held", exit::while_a_thread_waits, channels);

    event!("used_at_exit", exit::used_by_a_handler, locks);
    event!("used_at_exit", exit::channel_used_by_a_handler, [Condvar]);
    event!("used_at_exit", exit::used_by_a_handler, shared_locks);
    event!("used_at_exit", exit::channel_used_by_a_handler, channels);

    event!("stopped_holder", stops::whole_process, locks);
    event!(
        "stopped_holder",
        stops::whole_process_of_a_condvar,
        [Condvar]
    );
    event!("stopped_holder", stops::holder, shared_locks);
    event!("stopped_holder", stops::user_of_a_channel, channels);
    event!(
        "stopped_in_a_call",
        stops::user_in_the_middle_of_a_call,
        [Queue Pipe Named]
    );

    event!("stopped_waiter", stops::woken_waiter, locks);
    event!(
        "stopped_waiter",
        stops::woken_waiter_of_a_condvar,
        [Condvar]
    );
    event!(
        "stopped_waiter",
        stops::woken_waiter_between,
        [SharedMutex SharedWritten SharedSemaphore]
    );
    event!(
        "stopped_waiter",
        stops::stopped_writer_between,
        "shared_rwlock_read"
    );
    event!(
        peers,
        "stopped_waiter",
        stops::woken_waiter_between,
        [CSharedMutex CSharedWritten CSharedRead CSharedSemaphore]
    );
    event!("stopped_waiter", stops::woken_waiter_of_a_channel, channels);
    event!(
        "stopped_receiver",
        stops::second_receiver_of_a_channel,
        [Queue Pipe Named]
    );
    event!(
        "stopped_sender",
        stops::second_sender_of_a_channel,
        [Queue Pipe Named]
    );
    event!(
        "stopped_receiver",
        stops::second_reader_at_the_end,
        "shared_pipe_at_its_end"
    );

    event!("signal_while_waiting", signals::while_waiting, locks);
    event!(
        "signal_while_waiting",
        signals::while_waiting_at_a_channel,
        [Condvar]
    );
    event!("signal_while_waiting", signals::while_waiting, shared_locks);
    event!(
        "signal_while_waiting",
        signals::while_waiting_at_a_channel,
        channels
    );

    event!("handler_that_tries", signals::handler_that_tries, locks);
    event!(
        "handler_that_tries",
        signals::handler_that_notifies,
        "condvar"
    );
    event!(
        "handler_that_tries",
        signals::handler_that_tries_between,
        [SharedMutex SharedWritten SharedRead SharedSemaphore]
    );
    event!(
        "handler_that_tries",
        signals::handler_that_notifies_between,
        "shared_condvar"
    );
    event!(
        "handler_that_tries",
        signals::handler_that_signals_between,
        [Queue Pipe Named]
    );
    event!(
        "handler_that_tries",
        signals::handler_that_signals,
        [Memory]
    );
    event!(
        peers,
        "handler_that_tries",
        signals::handler_that_signals,
        [KernelMemory]
    );

    event!("moved", memory::moved, locks);
    event!("moved", memory::channel_moved, [Condvar]);
    event!("moved", memory::moved, shared_locks);
    event!("moved", memory::channel_moved, channels);

    event!(
        "outside_a_region",
        memory::mutex_outside_a_region,
        "shared_mutex"
    );
    event!(
        "outside_a_region",
        memory::rwlock_outside_a_region,
        "shared_rwlock"
    );
    event!(
        "outside_a_region",
        memory::semaphore_outside_a_region,
        "shared_semaphore"
    );
    event!(
        "outside_a_region",
        memory::condvar_outside_a_region,
        "shared_condvar"
    );

    event!("dropped", memory::dropped_with_a_forgotten_guard, locks);
    event!("dropped", memory::condvar_dropped, [Condvar]);
    event!(
        "dropped",
        memory::dropped_with_a_forgotten_guard_between,
        shared_locks
    );
    event!("dropped", memory::channel_dropped, named);
    event!("dropped", memory::pipe_dropped, "shared_pipe");

    event!(
        "freed_by_another_thread",
        memory::freed_by_another_thread,
        locks
    );
    event!(
        "freed_by_another_thread",
        memory::condvar_freed_by_another_thread,
        "condvar"
    );
    event!(
        "freed_by_another_thread",
        memory::let_go_by_another_thread,
        shared_locks
    );
    event!(
        "freed_by_another_thread",
        memory::channel_let_go_by_another_thread,
        channels
    );

    event!("unmapped", memory::unmapped, locks);
    event!("unmapped", memory::condvar_unmapped, [Condvar]);
    event!("unmapped", memory::unmapped_by_another_thread, shared_locks);
    event!("unmapped", memory::channel_unmapped, named);

    event!(
        "mapped_twice",
        memory::mapped_twice_in_one_process,
        [Mutex Written Semaphore]
    );
    event!(
        "mapped_twice",
        memory::read_lock_mapped_twice_in_one_process,
        "rwlock_read"
    );
    event!(
        "mapped_twice",
        memory::condvar_mapped_twice_in_one_process,
        "condvar"
    );
    event!("mapped_twice", memory::mapped_twice, shared_locks);
    event!("mapped_twice", memory::channel_mapped_twice, named);

    event!("number_reused", identity::of_a_thread, locks);
    event!("number_reused", identity::of_a_waiter, [Condvar]);
    event!("number_reused", identity::of_a_process, shared_locks);
    event!("number_reused", identity::of_a_waiting_process, channels);

    event!("zombies", identity::zombies, locks);
    event!("zombies", identity::zombies_of_a_channel, [Condvar]);
    event!("zombies", identity::zombies_between, shared_locks);
    event!("zombies", identity::zombies_of_a_channel, channels);

    event!("one_processor", scheduling::on_one_processor, locks);
    event!(
        "one_processor",
        scheduling::channel_on_one_processor,
        [Condvar]
    );
    event!("one_processor", scheduling::on_one_processor, shared_locks);
    event!(
        "one_processor",
        scheduling::channel_on_one_processor,
        channels
    );

    event!("sched_fifo", scheduling::beside_real_time, locks);
    event!(
        "sched_fifo",
        scheduling::channel_beside_real_time,
        [Condvar]
    );
    event!("sched_fifo", scheduling::beside_real_time, shared_locks);
    event!("sched_fifo", scheduling::channel_beside_real_time, channels);

    event!("membarrier_refused", refusals::from_the_start, locks);
    event!(
        "membarrier_refused",
        refusals::channel_from_the_start,
        [Condvar]
    );
    event!("membarrier_refused", refusals::from_the_start, shared_locks);
    event!(
        "membarrier_refused",
        refusals::channel_from_the_start,
        channels
    );

    event!("membarrier_refused_later", refusals::later, [Mutex Written Semaphore]);
    event!(
        peers,
        "membarrier_refused_later",
        refusals::later,
        [StdMutex StdWritten StdRead PlMutex PlWritten PlRead CMutex CWritten CRead CSemaphore]
    );
    event!(
        "membarrier_refused_later",
        refusals::later_with_biased_readers,
        "rwlock_read"
    );
    event!(
        "membarrier_refused_later",
        refusals::channel_later,
        [Condvar]
    );
    event!("membarrier_refused_later", refusals::later, shared_locks);
    event!(
        "membarrier_refused_later",
        refusals::channel_later,
        channels
    );

    event!("two_copies", copies::uncontended, [Mutex Semaphore]);
    event!("two_copies", copies::reader_of_the_other_copy, "rwlock");
    event!("two_copies", copies::condvar_uncontended, "condvar");
    event!(
        "two_copies",
        copies::between,
        [SharedMutex SharedWritten SharedRead SharedSemaphore]
    );
    event!(
        "two_copies",
        copies::channel_between,
        [SharedCondvar Queue Pipe Named Memory]
    );

    let table: [(&str, fn()); 5] = [
        ("no_empty_cell", table::has_no_empty_cell),
        (
            "each_primitive_at_each_event",
            table::has_each_primitive_at_each_event,
        ),
        (
            "names_the_tests_there_are",
            table::names_the_tests_there_are,
        ),
        ("peers_were_seen_or_cited", table::peers_were_seen_or_cited),
        ("faults_are_found", table::faults_are_found),
    ];
    tests.extend(table.map(|(name, check)| (format!("table::{name}"), check)));
    let peers = peers.into_iter();
    let peers = peers.map(|(name, run)| (format!("peers::{name}"), run));
    (tests, peers.collect())
}

/// This program again, as another one: what a lock of this kind does there.
fn after_exec(kind: &str, name: &str) -> i32 {
    macro_rules! by_kind {
        ($($function:ident: $($subject:ident)*;)*) => {
            match kind {
                $($($subject::NAME => exec::$function::<$subject>(name),)*)*
                _ => panic!("{kind}"),
            }
        };
    }
    by_kind! {
        enter: Mutex Written ReadLocked Semaphore;
        enter: SharedMutex SharedWritten SharedRead SharedSemaphore;
        enter: StdMutex StdWritten StdRead PlMutex PlWritten PlRead;
        enter: CMutex CWritten CRead CSemaphore;
        enter: CSharedMutex CSharedWritten CSharedRead CSharedSemaphore;
        signal: CSharedCondvar KernelQueue KernelFifo KernelMemory;
        signal: SharedCondvar Queue Pipe Named Memory;
        signal_a_new_one: Condvar;
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [_, runner::ALONE, name] => {
            let test = tests().into_iter().find(|test| test.0 == name);
            test.expect("there is such a test").1();
        }
        [_, exec::AFTER_EXEC, kind, name] => std::process::exit(after_exec(kind, name)),
        _ => {
            runner::inherit_orphans();
            let trial =
                |(name, _): Test| Trial::ignorable_test(name.clone(), move || runner::run(&name));
            let trials = tests().into_iter().map(trial).collect();
            libtest_mimic::run(&Arguments::from_args(), trials).exit();
        }
    }
}
