"""One scenario, run by real Kafka clients against `groupsim serve`, and some others.

`ledger` judges what the consumers of a group say; `group` starts them and reads them; `tool` runs Apache
Kafka's command line tools; `serve` is the server; `report` prints. The other files are a scenario each.
`__main__` runs all of them at once.
"""
