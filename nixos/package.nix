{
  lib,
  rustPlatform,
  makeBinaryWrapper,
  git,
  openssh,
  python3,
  tmux,
  util-linux,
}:
let
  inherit ((lib.importTOML ../Cargo.toml).package) version description;
  inherit (lib) fileset;
in
rustPlatform.buildRustPackage {
  pname = "agent-orchestrator";
  inherit version;

  # Without the tests that look at the repository itself, so that an edit of this folder rebuilds nothing.
  src = fileset.toSource {
    root = ../.;
    fileset = fileset.unions [
      ../.clippy.toml
      ../.rustfmt.toml
      ../Cargo.lock
      ../Cargo.toml
      ../prompts
      ../src
      (fileset.difference ../tests (
        fileset.unions [
          ../tests/measure
          ../tests/readme.rs
          ../tests/systemd
          ../tests/tidy.rs
        ]
      ))
    ];
  };

  cargoLock.lockFile = ../Cargo.lock;

  # As they are tested elsewhere; with the release's optimization across crates every test would take long to link.
  checkType = "debug";

  nativeBuildInputs = [ makeBinaryWrapper ];

  nativeCheckInputs = [
    git
    python3
    tmux
    util-linux
  ];

  preCheck = ''
    export HOME=$(mktemp -d)
  '';

  postInstall = ''
    install -Dm444 -t $out/lib/systemd/system src/units/*.{service,timer,target,slice}
    substituteInPlace $out/lib/systemd/system/*.service --replace-quiet @bindir@ $out/bin
    install -Dm444 -t $out/share/agent-orchestrator/prompts prompts/*.md
  '';

  # git is told to run `ssh`, which a unit has not on its PATH; a person's own goes before it.
  postFixup = ''
    wrapProgram $out/bin/agent-orchestrator \
      --prefix PATH : ${
        lib.makeBinPath [
          git
          tmux
        ]
      } \
      --suffix PATH : ${lib.makeBinPath [ openssh ]}
  '';

  meta = {
    inherit description;
    license = lib.licenses.mit;
    maintainers = [ ];
    mainProgram = "agent-orchestrator";
    platforms = lib.platforms.linux;
  };
}
