"""Statlog German Credit: a published data set to train and gate a model with.

UCI Machine Learning Repository, CC BY 4.0. The codes are kept as published; part of the published
table of their meanings is known to be wrong (Groemping, 2019).
"""

from __future__ import annotations

from sluicegate.contracts import Contract, field, key
from sluicegate.sources import LINE, Delimited, Files, Load, Under


class GermanCredit(Contract):
    """One row a credit, in codes."""

    record_no: int = key(
        reads=LINE, description="Place in the file, from 1: the data set has no other key."
    )
    checking_status: str = field(
        isin=("A11", "A12", "A13", "A14"), description="Status of the current account."
    )
    duration_months: int = field(ge=1, description="Duration of the credit, in months.")
    credit_history: str = field(
        isin=("A30", "A31", "A32", "A33", "A34"), description="How earlier credits went."
    )
    purpose: str = field(matches="A4[0-9]|A410", description="What the credit is for.")
    credit_amount: int = field(gt=0, description="Amount, in Deutsche Mark.")
    savings: str = field(
        isin=("A61", "A62", "A63", "A64", "A65"), description="Savings account and bonds."
    )
    employment: str = field(
        isin=("A71", "A72", "A73", "A74", "A75"), description="Time in the present employment."
    )
    installment_rate: int = field(
        ge=1, le=4, description="Instalments as a share of income, banded."
    )
    personal_status_sex: str = field(
        isin=("A91", "A92", "A93", "A94", "A95"), description="Personal status and sex."
    )
    other_debtors: str = field(
        isin=("A101", "A102", "A103"), description="Other debtors and guarantors."
    )
    residence_since: int = field(ge=1, le=4, description="Time at the present address, banded.")
    property: str = field(
        isin=("A121", "A122", "A123", "A124"), description="Most valuable property."
    )
    age_years: int = field(ge=18, description="Age, in years.")
    other_installment_plans: str = field(
        isin=("A141", "A142", "A143"), description="Other instalment plans."
    )
    housing: str = field(isin=("A151", "A152", "A153"), description="Rented, owned or free.")
    existing_credits: int = field(ge=1, description="Credits at this bank.")
    job: str = field(isin=("A171", "A172", "A173", "A174"), description="Kind of work.")
    liable_people: int = field(ge=1, description="People to be maintained.")
    telephone: str = field(isin=("A191", "A192"), description="Whether there is a telephone.")
    foreign_worker: str = field(isin=("A201", "A202"), description="Whether a foreign worker.")
    label: int = field(isin=(1, 2), description="1: the credit went well; 2: it did not.")


source = Files(
    "german_credit",
    contract=GermanCredit,
    match="german.data",
    under=Under.REFERENCE,
    format=Delimited(" ", header=False),
    load=Load.MERGE,
    tolerate="0 %",
    owner="credit",
)
