"""One scenario, run by Kafka clients that other people wrote, against `groupsim serve`.

`ledger` judges what the consumers of a group say; `group` starts them and reads them; `common`,
`mixed` and `readme` are the scenarios; `serve` is the server; `report` prints. `__main__` runs
all scenarios at once.
"""
