//! Texts that are typed at known screens.

use super::*;

#[test]
fn answers_name_rules_that_are_there_and_are_no_answers_to_themselves() {
    says(
        "[backend.claude.answers]\ncontext-warning = \"/compact\"\ncontxt-full = \"/compact\"\n\
         trust-folder = \"1\"\ncontext-full = \"two\\nlines\"\n\
         [backend.mine]\nbin = \"x\"\nlimit_re = \"limit\"\n\
         rules = [{ name = \"near\", region = \"anywhere\", meaning = \"context\", re = \"near\" }, \
         { name = \"far\", region = \"anywhere\", meaning = \"context\", re = \"far\" }]\n\
         answers = { near = \"you are near\", far = \"mind the limit\" }\n",
        &expect![[r#"
            error: no rule has the name `contxt-full`
             --> agents.toml:7:1
              |
            7 | contxt-full = "/compact"
              | ^^^^^^^^^^^
            hint: did you mean `context-full`?

            error: `trust-folder` reads a dialog, into which nothing is typed
             --> agents.toml:8:16
              |
            8 | trust-folder = "1"
              |                ^^^
            hint: start the program with the flag that avoids it

            error: an answer is one line of text
             --> agents.toml:9:16
              |
            9 | context-full = "two\nlines"
              |                ^^^^^^^^^^^^

            error: the answer matches `near` itself: it would answer its own text
              --> agents.toml:14:20
               |
            14 | answers = { near = "you are near", far = "mind the limit" }
               |                    ^^^^^^^^^^^^^^

            error: the answer matches the limit rule `limit_re`: `limit`
              --> agents.toml:14:42
               |
            14 | answers = { near = "you are near", far = "mind the limit" }
               |                                          ^^^^^^^^^^^^^^^^
            hint: the supervisor would take its own text for a usage limit
            == loads
        "#]],
    );
}
