# A path outside of the store: secrets and folders. nixpkgs 25.05 has the type without its name.
{ lib }:
lib.types.externalPath or (lib.types.pathWith {
  absolute = true;
  inStore = false;
})
