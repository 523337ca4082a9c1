# Every key of agents.toml, as the README's reference has them from the program, is an option or goes through `settings`.
{
  lib,
  names,
  evaluate,
  complaints,
  toml,
}:
let
  inherit
    (import ../../fleet.nix {
      inherit lib;
      cfg = { };
    })
    keyName
    unitOptions
    ;

  between =
    begin: end: text:
    lib.head (lib.splitString end (lib.last (lib.splitString begin text)));
  # By the first word of a section's title.
  reference = lib.listToAttrs (
    map
      (
        section:
        let
          lines = lib.splitString "\n" section;
          title = builtins.match "`([^`]+)`.*" (lib.head lines);
          keys = lib.concatMap (
            line:
            let
              key = builtins.match "\\| `([a-z_]+)` \\|.*" line;
            in
            if key == null then [ ] else key
          ) lines;
        in
        lib.nameValuePair (if title == null then lib.head lines else lib.head title) keys
      )
      (
        lib.tail (
          lib.splitString "\n### " (
            between "<!-- begin: reference -->" "<!-- end: reference -->" (builtins.readFile ../../../README.md)
          )
        )
      )
  );

  # The keys that options below a path stand for.
  below =
    path:
    map (name: if name == "enable" then "enabled" else keyName name) (
      builtins.filter (name: !(lib.hasInfix "." name)) (
        map (lib.removePrefix "${path}.") (builtins.filter (lib.hasPrefix "${path}.") names)
      )
    );
  ofUnit = map keyName unitOptions;
  ofHost = ofUnit ++ [
    "package"
    "settings"
  ];

  # What has no option of its own: too rare, or of a screen.
  throughSettings = {
    "[backend.NAME]" = [
      "active_re"
      "answer_pause"
      "answers"
      "attach"
      "clear_key"
      "closing_re"
      "connect_delay"
      "events"
      "fatal_re"
      "footer_ui"
      "input_re"
      "limit_re"
      "log_grace"
      "model_env"
      "model_flag"
      "new_id_flag"
      "placeholder_re"
      "preamble"
      "process_name"
      "prompt_delivery"
      "proven"
      "queues_while_busy"
      "ready_max"
      "ready_re"
      "remote_control"
      "remote_control_flag"
      "resume_flag"
      "resumed_re"
      "rules"
      "server"
      "stall_idle"
      "submit_key"
      "supports_resume"
      "transcripts"
      "transcripts_dir"
    ];
    "[loop]" = [
      "resume_phase"
      "state_file"
    ];
  };
  set = section: lib.genAttrs throughSettings.${section} (_: "x");
  through = toml (evaluate {
    enable = true;
    projectDir = "/srv/proj";
    agents.builder = {
      kind = "loop";
      settings.later = "x";
    };
    backends.claude.settings = set "[backend.NAME]";
    loop = {
      phases = [
        {
          id = "1";
          plan = "plans/1.md";
          status = "STATUS-1.md";
        }
      ];
      settings = set "[loop]";
    };
    watchdog = lib.genAttrs reference."[watchdog]" (_: 1);
    settings.new.later = "x";
  });

  found = {
    "The file" =
      lib.intersectLists (map (lib.removeSuffix "s") names) [
        "agent"
        "backend"
        "default"
        "loop"
        "service"
      ]
      ++ [
        "notify"
        "watchdog"
      ];
    "[defaults]" = map keyName (
      lib.intersectLists names [
        "logDir"
        "projectDir"
        "sessionPrefix"
      ]
    );
    "[watchdog]" = lib.attrNames through.watchdog;
    "[notify]" = lib.remove "environment_file" (below "notify");
    "[[agent]]" = [ "name" ] ++ lib.subtractLists ofHost (below "agents.<name>");
    "wake" = below "agents.<name>.wake";
    "[[service]]" = [ "name" ] ++ lib.subtractLists ofHost (below "services.<name>");
    "[backend.NAME]" =
      lib.subtractLists ofHost (below "backends.<name>") ++ throughSettings."[backend.NAME]";
    # A list of tables of a backend's settings.
    "[[backend.NAME.rules]]" = reference."[[backend.NAME.rules]]";
    "[loop]" = [
      "name"
    ]
    ++ lib.subtractLists ofHost (below "loops.<name>")
    ++ throughSettings."[loop]";
    "phases" = below "loops.<name>.phases.*";
    "[loop.handoff]" = below "loops.<name>.handoff";
    "[loop.on_complete]" = below "loops.<name>.onComplete";
  };
  sorted = lib.mapAttrs (_: lib.sort lib.lessThan);
in
{
  "test keys: each is an option or goes through settings" = {
    expr = sorted found;
    expected = sorted (
      reference
      // {
        "The file" = map (key: if key == "defaults" then "default" else key) reference."The file";
      }
    );
  };
  "test keys: of all agents together those can be said that the option names" = {
    expr =
      let
        keys = lib.subtractLists [ "backend" "watch" ] reference."[[agent]]";
        refused = map (text: lib.head (builtins.match "[^:]*[.]([a-z_]+):.*" text)) (
          complaints (evaluate {
            enable = true;
            projectDir = "/srv/proj";
            agents.assistant = { };
            defaults = lib.genAttrs keys (_: "x");
          })
        );
      in
      sorted { keys = lib.subtractLists refused keys; };
    expected.keys = [
      "account"
      "clean_log"
      "control"
      "model"
      "resume"
      "resume_prompt"
    ];
  };
  "test keys: settings reach agents.toml" = {
    expr = {
      backend = through.backend.claude;
      loop = lib.getAttrs throughSettings."[loop]" through.loop;
      agent = (lib.head through.agent).later;
      file = through.new;
    };
    expected = {
      backend = set "[backend.NAME]";
      loop = set "[loop]";
      agent = "x";
      file.later = "x";
    };
  };
}
