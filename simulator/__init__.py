"""The outside world, simulated: what third parties send us.

    payments    daily CSV drops of a card processor, with dirt whose truth is known
    provider    an HTTP provider of exchange rates, under the contract of the ECB Data Portal

Nothing here knows the rules that the platform applies: truth is known by construction, so a
check that is wrong on our side cannot be wrong here in the same way.
"""
