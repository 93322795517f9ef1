"""The outside world, simulated: what third parties send us.

    payments     daily CSV drops of a card processor, with dirt whose truth is known
    customers    the full export of a register of customers, NDJSON
    merchants    the list of a register of merchants, Parquet
    reversals    refunds and chargebacks of the payments, for the processor's API
    data         all of these at once
    provider     HTTP on loopback: exchange rates under the contract of the ECB Data Portal, and
                 the processor's API

Nothing here knows the rules that the platform applies: truth is known by construction, so a
check that is wrong on our side cannot be wrong here in the same way.
"""
