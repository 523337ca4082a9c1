# A loop: the plan's phases, worked by a builder and an adversary.
{
  lib,
  toml,
  promptsDir,
}:
let
  inherit (lib) mkOption types;
  optional =
    type: example: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit example description;
    };

  phase = types.submodule {
    options = {
      id = mkOption {
        type = types.nonEmptyStr;
        example = "1";
        description = "Its name, unique within the loop.";
      };
      plan = mkOption {
        type = types.nonEmptyStr;
        example = "plans/1.md";
        description = "The plan's path as the kickoff names it.";
      };
      status = mkOption {
        type = types.nonEmptyStr;
        example = "STATUS-1.md";
        description = "Name of the status file; it ends the phase with the line `## DONE`.";
      };
      models = mkOption {
        type = types.attrsOf types.str;
        default = { };
        example = {
          builder = "opus";
        };
        description = "Model of this phase by role.";
      };
    };
  };

  handoff = {
    repo =
      optional types.str "builder"
        "The clone whose origin is watched. Without it that of {option}`reviewPings`.";
    branch = optional types.str "main" "The branch that is watched. Without it the remote's default.";
    stateSubdir =
      optional types.str "."
        "Folder of status files and inboxes; without it `machine-docs`, else the root.";
    claimPattern =
      optional types.str "^claim"
        "Pattern of the commit subjects that hand work to the reviewer.";
    reviewPattern = optional types.str "^review" "Pattern of the commit subjects that hand work back.";
    claimPings =
      optional types.str "adversary"
        "The agent that is told of claims. Without it the loop's only one with the role `adversary`.";
    reviewPings =
      optional types.str "builder"
        "The agent that is told of reviews. Without it the loop's only one with the role `builder`.";
    inboxes =
      optional (types.listOf types.str)
        [
          "ADVERSARY-INBOX.md"
          "BUILDER-INBOX.md"
        ]
        "Files that are told when they change: the first to the reader of claims, the second to the reader of reviews.";
  };

  onComplete = {
    run = optional types.str "upgrader" "The task that is run after the last phase.";
    triggerFile =
      optional types.str ".run-on-complete"
        "File below {option}`logDir` that is deleted before that run.";
  };
in
{
  options = {
    phases = mkOption {
      type = types.nonEmptyListOf phase;
      example = [
        {
          id = "1";
          plan = "plans/1.md";
          status = "STATUS-1.md";
        }
      ];
      description = "The phases in the order in which they are worked. Appending one resumes a loop that is done.";
    };
    autoAdvance =
      optional types.bool false
        "Whether a done phase moves on by itself; without it, it does.";
    kickoffTemplate =
      optional types.path (lib.literalExpression "./kickoff.md")
        "Frame of every kickoff. Without it the built-in one.";
    rolesDir = mkOption {
      type = types.nullOr (types.either types.path types.str);
      default = promptsDir;
      defaultText = lib.literalMD "the package's prompts";
      example = "prompts";
      description = "Folder of the roles' prompts, `ROLE.md`; a relative one starts at {option}`projectDir`.";
    };
    doneMarker = optional types.str "## DONE" "The line of the status file that ends a phase.";
    doneSource = optional (types.enum [
      "pushed"
      "worktree"
    ]) "worktree" "Which copy of the status file counts; without it the pushed one.";
    reviewRoundsMax =
      optional (types.ints.between 1 1000) 5
        "Reviews of a phase that do not pass before a person is told.";
    handoff = mkOption {
      type = types.submodule { options = handoff; };
      default = { };
      example = {
        branch = "main";
      };
      description = "Who is told of which commit.";
    };
    onComplete = mkOption {
      type = types.submodule { options = onComplete; };
      default = { };
      example = {
        run = "upgrader";
      };
      description = "What follows the last phase.";
    };
    settings = mkOption {
      inherit (toml) type;
      default = { };
      example = {
        state_file = "phase-idx";
      };
      description = "Further keys of the loop in agents.toml, by the names that they have there; none that has an option of its own.";
    };
  };
}
