"""Default of Credit Card Clients, Taiwan 2005: a data set to train and gate a model with.

UCI Machine Learning Repository, CC BY 4.0; education and marriage one-hot. Amounts are in New
Taiwan dollars. ``pay_0`` is the state of repayment in September 2005, ``pay_2`` to ``pay_6`` that
of August back to April; -2 to 0: nothing overdue; 1 to 9: months overdue.
"""

from __future__ import annotations

import polars as pl

from sluicegate.contracts import Contract, Money, field, key, rule
from sluicegate.sources import Files, Load, Under


class TaiwanCredit(Contract):
    """One row a client, with six months of bills and payments."""

    client_id: int = key(reads="ID", description="Number of the client in the data set.")
    limit_bal: Money = field(reads="LIMIT_BAL", gt=0, description="Credit limit.")
    sex: int = field(reads="SEX", isin=(0, 1), description="0: male, 1: female.")
    age: int = field(reads="AGE", ge=18, description="Age, in years.")
    pay_0: int = field(reads="PAY_0", ge=-2, le=9, description="State of repayment.")
    pay_2: int = field(reads="PAY_2", ge=-2, le=9, description="State of repayment.")
    pay_3: int = field(reads="PAY_3", ge=-2, le=9, description="State of repayment.")
    pay_4: int = field(reads="PAY_4", ge=-2, le=9, description="State of repayment.")
    pay_5: int = field(reads="PAY_5", ge=-2, le=9, description="State of repayment.")
    pay_6: int = field(reads="PAY_6", ge=-2, le=9, description="State of repayment.")
    bill_amt1: Money = field(reads="BILL_AMT1", description="Bill; below zero, a credit.")
    bill_amt2: Money = field(reads="BILL_AMT2", description="Bill; below zero, a credit.")
    bill_amt3: Money = field(reads="BILL_AMT3", description="Bill; below zero, a credit.")
    bill_amt4: Money = field(reads="BILL_AMT4", description="Bill; below zero, a credit.")
    bill_amt5: Money = field(reads="BILL_AMT5", description="Bill; below zero, a credit.")
    bill_amt6: Money = field(reads="BILL_AMT6", description="Bill; below zero, a credit.")
    pay_amt1: Money = field(reads="PAY_AMT1", ge=0, description="Paid.")
    pay_amt2: Money = field(reads="PAY_AMT2", ge=0, description="Paid.")
    pay_amt3: Money = field(reads="PAY_AMT3", ge=0, description="Paid.")
    pay_amt4: Money = field(reads="PAY_AMT4", ge=0, description="Paid.")
    pay_amt5: Money = field(reads="PAY_AMT5", ge=0, description="Paid.")
    pay_amt6: Money = field(reads="PAY_AMT6", ge=0, description="Paid.")
    default_next_month: int = field(
        reads="default-payment-next-month", isin=(0, 1), description="1: defaulted in October 2005."
    )
    education_0: int = field(reads="EDUCATION_0", isin=(0, 1), description="One of seven.")
    education_1: int = field(reads="EDUCATION_1", isin=(0, 1), description="One of seven.")
    education_2: int = field(reads="EDUCATION_2", isin=(0, 1), description="One of seven.")
    education_3: int = field(reads="EDUCATION_3", isin=(0, 1), description="One of seven.")
    education_4: int = field(reads="EDUCATION_4", isin=(0, 1), description="One of seven.")
    education_5: int = field(reads="EDUCATION_5", isin=(0, 1), description="One of seven.")
    education_6: int = field(reads="EDUCATION_6", isin=(0, 1), description="One of seven.")
    marriage_0: int = field(reads="MARRIAGE_0", isin=(0, 1), description="One of four.")
    marriage_1: int = field(reads="MARRIAGE_1", isin=(0, 1), description="One of four.")
    marriage_2: int = field(reads="MARRIAGE_2", isin=(0, 1), description="One of four.")
    marriage_3: int = field(reads="MARRIAGE_3", isin=(0, 1), description="One of four.")

    @rule
    def one_education(self) -> pl.Expr:
        """One-hot: exactly one of the seven is set."""
        return pl.sum_horizontal(f"education_{code}" for code in range(7)) == 1

    @rule
    def one_marriage(self) -> pl.Expr:
        """One-hot: exactly one of the four is set."""
        return pl.sum_horizontal(f"marriage_{code}" for code in range(4)) == 1


source = Files(
    "taiwan_credit",
    contract=TaiwanCredit,
    match="taiwan_credit_default.csv",
    under=Under.REFERENCE,
    load=Load.MERGE,
    tolerate="0 %",
    owner="credit",
)
