//! The screens that every preset must read right; they lie in `tests/screens/`, with how each was made.

/// The screens of one preset.
#[derive(Debug, Clone, Copy)]
pub struct Screens {
    /// The preset's name.
    pub preset: &'static str,
    /// Text of a TOML table: for each screen what stands in its input box and what it reads as.
    pub expected: &'static str,
    /// Name and text of each.
    pub captures: &'static [(&'static str, &'static str)],
}

macro_rules! screens {
    ($preset:literal: $($name:literal)*) => {
        Screens {
            preset: $preset,
            expected: include_str!(concat!("../../tests/screens/", $preset, "/expect.toml")),
            captures: &[$(($name, include_str!(concat!("../../tests/screens/", $preset, "/", $name, ".txt")))),*],
        }
    };
}

/// All screens; a test compares the names with the folder's.
pub const SCREENS: [Screens; 4] = [
    screens!("claude":
        "after-api-key-dialog" "context-150k" "context-172k" "context-172k-next" "context-190k-autocompact"
        "context-toolong-multiturn" "ctrl-c-once" "dead-remain-on-exit-kill9" "dialog-api-key" "dialog-theme"
        "dialog-trust-folder" "dialog-trust-folder.ansi" "double-resume" "err-400credit-20s" "err-400thinking-20s"
        "err-400toolong-20s" "err-401-20s" "err-401-240s" "err-401-final" "err-403-20s" "err-404-20s" "err-413-20s"
        "err-429-20s" "err-429-240s" "err-429-final" "err-429plain-20s" "err-429plain-240s" "err-429plain-final"
        "err-429unified-20s" "err-429unified-240s" "err-429unified-final" "err-500-20s" "err-500-final" "err-529-20s"
        "err-hangup-20s" "err-hangup-240s" "err-hangup-final" "err-midstream_drop-20s"
        "err-midstream_overloaded-final" "exit-after-2-ctrl-c" "finished-turn" "firstrun-offline-preflight-exit"
        "idle-fresh" "idle-fresh.ansi" "limit-continues-2.1.329" "made-background-agent" "made-context-compaction" "made-context-left"
        "made-edit" "made-footer-idle" "made-footer-working" "made-limit-continued" "made-limit-continues"
        "made-limit-date" "made-limit-has-reset" "made-limit-in-footer" "made-limit-menu-other-selected"
        "made-limit-menu-three" "made-limit-model" "made-limit-monthly" "made-limit-of-api" "made-limit-old-5-hour"
        "made-limit-old-claude" "made-limit-old-epoch" "made-limit-old-session" "made-limit-opus" "made-limit-own-row"
        "made-limit-plain" "made-limit-session-minutes" "made-limit-sonnet" "made-limit-spend" "made-limit-sub-agent"
        "made-limit-wait-stopped" "made-limit-weekly" "made-limit-wrapped" "made-login-401" "made-login-credit-old"
        "made-login-hold" "made-login-key" "made-login-login-expired" "made-login-oauth-expired"
        "made-login-oauth-revoked" "made-not-approaching" "made-not-code" "made-not-menu-in-prose"
        "made-not-old-fatal" "made-not-old-limit" "made-not-prose" "made-not-prose-continues" "made-not-quoted-prompt"
        "made-not-tool-output" "made-not-typed" "made-not-warning" "made-plan" "made-refused-500"
        "made-refused-midstream" "made-refused-temporary" "made-refused-timeout" "made-resume" "made-spinner"
        "made-spinner-compacting" "made-turn-ended" "made-unknown-dialog" "matrix-A" "matrix-B" "matrix-C" "matrix-D"
        "matrix-G" "matrix-H" "matrix-I" "matrix-Q" "matrix-T" "matrix-U" "matrix-V" "pasted-40-lines"
        "pasted-900-chars" "permission-prompt-bash" "permission-prompt-bash.ansi" "plain-after-escape-interrupt"
        "plain-finished" "plain-typed" "plain-working-stall-12" "plain-working-stall-2" "plain-working-streaming"
        "plain-working-streaming.ansi" "queued-after" "queued-while-working" "ratelimit-dialog-after-typing-and-enter"
        "resumed-after-kill9" "sub-s401" "sub-s529" "sub-s7" "sub-sw" "subscriber-limit-sc-4s"
        "subscriber-limit-so-4s" "subscriber-limit-so-after-enter" "subscriber-limit-so-dialog.ansi"
        "subscriber-limit-so-second" "tool-finished" "tool-running-after-approve" "tool-running-bypass"
        "typed-not-submitted" "working-4s" "working-4s.ansi" "working-8s" "working-waiting-first-token"
        "working-waiting-first-token.ansi"
    ),
    screens!("codex":
        "dialog-trust-folder" "dialog-trust-folder.ansi" "err-400thinking-60s" "err-400toolong-60s" "err-401-60s"
        "err-403" "err-404" "err-413" "err-429-60s" "err-429-8s" "err-429plain-60s" "err-429unified-8s" "err-500-8s" "err-failed_midstream-60s"
        "err-failed_midstream-8s" "err-midstream_drop-60s" "err-midstream_drop-8s" "finished-turn" "idle-fresh"
        "made-blocked-unseen" "made-capacity" "made-context-left" "made-credit" "made-demand" "made-limit-date"
        "made-limit-later" "made-limit-relative" "made-limit-time" "made-not-old" "made-not-prose" "made-not-status"
        "made-pager" "made-retrying-old" "made-status-idle" "made-status-working" "made-trust-old"
        "made-unknown-dialog" "made-update" "permission-prompt" "permission-prompt.ansi" "start-xa" "start-xgit"
        "start-xl" "start-xnongit" "start-xp" "start-xy" "tool-xa-6s" "tool-xp-6s" "tool-xy-6s" "typed-not-submitted"
        "working-4s" "working-4s.ansi" "working-8s"
    ),
    screens!("gemini":
        "after-auth" "dialog-auth" "err-400thinking-8s" "err-400toolong-8s" "err-401-8s" "err-403" "err-404" "err-429-40s"
        "err-429-80s" "err-429-8s" "err-429-final" "err-429plain-40s" "err-429plain-80s" "err-429plain-8s" "err-429plain-final"
        "err-429unified-8s" "err-500-40s" "err-500-80s" "err-500-8s" "err-500-final" "err-503-80s" "err-503-8s"
        "err-503-final" "err-billing" "finished-turn" "idle-fresh" "idle-fresh.ansi" "made-apply-change" "made-blocked-unseen"
        "made-box-idle" "made-limit-capacity" "made-limit-daily" "made-limit-exhausted" "made-limit-menu-pro"
        "made-not-old" "made-not-prose" "made-refused" "made-spinner" "made-tool-no-title" "made-unknown-dialog"
        "made-waiting" "permission-prompt" "permission-prompt.ansi" "start1" "tool-running-yolo" "typed-not-submitted"
        "working-5s" "working-5s.ansi" "working-9s"
    ),
    screens!("opencode":
        "after-cu" "attach" "attach-after-server-kill9" "err-400thinking-12s" "err-400thinking-40s"
        "err-400toolong-12s" "err-400toolong-40s" "err-401-12s" "err-401-40s" "err-429-12s" "err-429-40s"
        "err-429plain-12s" "err-429plain-40s" "err-429unified-12s" "err-500-12s" "err-500-40s" "err-529-12s"
        "err-hangup-12s" "err-hangup-40s" "err-midstream_drop-12s" "err-midstream_drop-40s" "err-perm-12s"
        "err-tool-12s" "finished-turn" "idle-fresh" "idle-fresh.ansi" "made-context-full" "made-credit"
        "made-fatal-narrow" "made-interrupt-asked" "made-limit-5-hour" "made-limit-final" "made-limit-free"
        "made-limit-monthly" "made-limit-retrying-long" "made-limit-subscription" "made-limit-weekly" "made-not-old"
        "made-not-prose" "made-retrying-429" "made-unknown-dialog" "pasted-400-lines" "perm-40s" "resumed-after-kill9"
        "tool-40s" "typed-1500-send-keys" "typed-not-submitted" "working-4s" "working-4s.ansi" "working-9s"
    ),
];
