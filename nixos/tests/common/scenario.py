# Runs the scripts named in `scenarios`, of the folder `scripts`; each promise of a script is a subtest.
def run(scenario: str) -> None:
    status, boot = 64, 0
    # A script that ends with 64 goes on after a reboot.
    while status == 64:
        boot += 1
        machine.wait_for_unit("multi-user.target")
        if boot == 1:
            machine.succeed("bash /scenarios/module-begin.sh")
        command = f"SCENARIO_UNITS=module SCENARIO_BOOT={boot} bash /scenarios/{scenario}.sh 2>&1"
        status, said = machine.execute(command, timeout=600)
        for line in said.splitlines():
            if line.startswith("ok   - "):
                with subtest(line.removeprefix("ok   - ")):
                    pass
            else:
                print(line)
        if status == 64:
            machine.shutdown()
            machine.start()
    assert status == 0, f"{scenario} ended with {status}"


machine.start()
machine.wait_for_unit("multi-user.target")
machine.succeed(f"cp -r {scripts} /scenarios && chmod -R u+w /scenarios")
for name in scenarios:
    with subtest(name):
        run(name)
