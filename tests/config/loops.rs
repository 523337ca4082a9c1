//! Loops: their phases, and the agents that they name.

use super::*;

#[test]
fn a_loop_agent_needs_a_role_and_a_loop() {
    says(
        "[[agent]]\nname = \"a\"\nkind = \"loop\"\n[[agent]]\nname = \"b\"\nkind = \"loop\"\nrole = \"../b\"\n",
        &expect![[r#"
            error: loop agent `a` has no `role`
             --> agents.toml:6:1
              |
            6 | name = "a"
              | ^^^^
            hint: a role names its prompt, `roles_dir`/ROLE.md

            error: loop agent `a` has no loop to work in
             --> agents.toml:6:1
              |
            6 | name = "a"
              | ^^^^
            hint: add a `[loop]` with its `phases`

            error: loop agent `b` has no loop to work in
             --> agents.toml:9:1
              |
            9 | name = "b"
              | ^^^^
            hint: add a `[loop]` with its `phases`

            error: role `../b` cannot be used
              --> agents.toml:11:8
               |
            11 | role = "../b"
               |        ^^^^^^
            hint: a role is the name of a file in `roles_dir`, without `.md`
            == loads; a: loop agent `a` has no `role`; b: role `../b` cannot be used
        "#]],
    );
    let loops = "[[loop]]\nname = \"left\"\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n\
                 [[loop]]\nname = \"right\"\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\n";
    says(
        &format!(
            "{loops}[[agent]]\nname = \"a\"\nkind = \"loop\"\nrole = \"r\"\n\
             [[agent]]\nname = \"b\"\nkind = \"loop\"\nrole = \"r\"\nloop = \"rihgt\"\n\
             [[agent]]\nname = \"c\"\nkind = \"loop\"\nrole = \"r\"\nloop = \"left\"\n"
        ),
        &expect![[r#"
            error: loop agent `a` names none of the loops
              --> agents.toml:12:1
               |
            12 | name = "a"
               | ^^^^
            hint: set `loop`: known are `left`, `right`

            error: unknown loop `rihgt`
              --> agents.toml:19:8
               |
            19 | loop = "rihgt"
               |        ^^^^^^^
            hint: did you mean `right`?
            == loads; a: loop agent `a` names none of the loops; b: unknown loop `rihgt`
        "#]],
    );
}

#[test]
fn a_loop_needs_whole_phases() {
    says(
        "[loop]\nauto_advance = true\n",
        &expect![[r#"
        error: the loop has no `phases`
         --> agents.toml:5:2
          |
        5 | [loop]
          |  ^^^^
        hint: add at least one: phases = [{ id = "1", plan = "…", status = "…" }]
        == loads
    "#]],
    );
    says(
        "[loop]\nphases = [{ id = \"1\", status = \"s\" }, { plan = \"p\" }]\n",
        &expect![[r#"
            error: a phase has no `plan`
             --> agents.toml:6:11
              |
            6 | phases = [{ id = "1", status = "s" }, { plan = "p" }]
              |           ^^^^^^^^^^^^^^^^^^^^^^^^^^

            error: a phase has no `id`
             --> agents.toml:6:39
              |
            6 | phases = [{ id = "1", status = "s" }, { plan = "p" }]
              |                                       ^^^^^^^^^^^^^^

            error: a phase has no `status`
             --> agents.toml:6:39
              |
            6 | phases = [{ id = "1", status = "s" }, { plan = "p" }]
              |                                       ^^^^^^^^^^^^^^
            == loads
        "#]],
    );
}

#[test]
fn a_loop_pings_its_own_agents() {
    let one_of = |name: &str| {
        format!(
            "[[loop]]\nname = \"{name}\"\nphases = [{{ id = \"1\", plan = \"p\", status = \"s\" }}]\n[loop.handoff]\nbranch = \"main\"\n"
        )
    };
    let agent = |name: &str, in_loop: &str, role: &str| {
        format!("[[agent]]\nname = \"{name}\"\nkind = \"loop\"\nloop = \"{in_loop}\"\nrole = \"{role}\"\n")
    };
    let agents = [
        agent("builder", "a", "builder"),
        agent("adversary", "a", "adversary"),
        agent("builder-b", "b", "builder"),
        agent("adversary-b", "b", "adversary"),
    ];
    says(
        &format!("{}{}{}", one_of("a"), one_of("b"), agents.concat()),
        &expect![[r#"
            error: `claim_pings` is `adversary`, an agent of loop `a`
              --> agents.toml:13:7
               |
            13 | [loop.handoff]
               |       ^^^^^^^
            hint: name an agent of loop `b`

            error: `review_pings` is `builder`, an agent of loop `a`
              --> agents.toml:13:7
               |
            13 | [loop.handoff]
               |       ^^^^^^^
            hint: name an agent of loop `b`
            == loads
        "#]],
    );
}

#[test]
fn a_loop_names_agents_that_exist_and_fit() {
    says(
        "[loop]\nphases = [{ id = \"1\", plan = \"p\", status = \"s\", models = { bulider = \"m\" } }]\n\
         on_complete = { run = \"a\" }\nhandoff = { claim_pings = \"t\", inboxes = [\"A\", \"B\", \"C\"] }\n\
         [[agent]]\nname = \"a\"\nkind = \"loop\"\nrole = \"builder\"\n\
         [[agent]]\nname = \"t\"\nkind = \"task\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: no agent of this loop has the role `bulider`
             --> agents.toml:6:60
              |
            6 | phases = [{ id = "1", plan = "p", status = "s", models = { bulider = "m" } }]
              |                                                            ^^^^^^^
            hint: did you mean `builder`?

            error: `run` names `a`, which is no task
             --> agents.toml:7:23
              |
            7 | on_complete = { run = "a" }
              |                       ^^^
            hint: its kind is `loop`; only a task runs once

            error: `review_pings` names `builder`, which does not exist
             --> agents.toml:8:1
              |
            8 | handoff = { claim_pings = "t", inboxes = ["A", "B", "C"] }
              | ^^^^^^^
            hint: known are `a`

            error: `claim_pings` names `t`, which takes no pings
             --> agents.toml:8:27
              |
            8 | handoff = { claim_pings = "t", inboxes = ["A", "B", "C"] }
              |                           ^^^
            hint: name a loop or persistent agent

            error: `inboxes` has more than two files
             --> agents.toml:8:42
              |
            8 | handoff = { claim_pings = "t", inboxes = ["A", "B", "C"] }
              |                                          ^^^^^^^^^^^^^^^
            hint: the first is read by `claim_pings`, the second by `review_pings`
            == loads
        "#]],
    );
    says(
        "[loop]\nphases = [{ id = \"1\", plan = \"p\", status = \"s\" }]\non_complete = { run = \"upgarder\" }\n\
         [[agent]]\nname = \"upgrader\"\nkind = \"task\"\nprompt = \"x\"\n",
        &expect![[r#"
            error: `run` names `upgarder`, which does not exist
             --> agents.toml:7:23
              |
            7 | on_complete = { run = "upgarder" }
              |                       ^^^^^^^^^^
            hint: did you mean `upgrader`?
            == loads
        "#]],
    );
}
