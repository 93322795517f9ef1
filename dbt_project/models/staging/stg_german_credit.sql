-- Five columns are spelled out. The published meanings of the others are known to be wrong or are
-- bands (Groemping, 2019: Report 4/2019, Beuth Hochschule Berlin), so they keep their codes.
select
    record_no,
    label = 2 as is_default,
    checking_status as checking_status_code,
    duration_months,
    credit_history as credit_history_code,
    purpose as purpose_code,
    credit_amount as amount_dm,
    savings as savings_code,
    case employment
        when 'A71' then 'unemployed'
        when 'A72' then 'below 1 year'
        when 'A73' then '1 to 4 years'
        when 'A74' then '4 to 7 years'
        when 'A75' then '7 years or more'
    end as employment,
    installment_rate as installment_rate_code,
    personal_status_sex as personal_status_sex_code,
    case other_debtors
        when 'A101' then 'none'
        when 'A102' then 'co-applicant'
        when 'A103' then 'guarantor'
    end as other_debtors,
    residence_since as residence_since_code,
    property as property_code,
    age_years,
    case other_installment_plans
        when 'A141' then 'bank'
        when 'A142' then 'stores'
        when 'A143' then 'none'
    end as other_installment_plans,
    housing as housing_code,
    existing_credits as existing_credits_code,
    case job
        when 'A171' then 'unemployed, or unskilled and not resident'
        when 'A172' then 'unskilled and resident'
        when 'A173' then 'skilled employee or official'
        when 'A174' then 'manager, self-employed or highly qualified'
    end as job,
    liable_people as liable_people_code,
    telephone = 'A192' as has_telephone,
    foreign_worker as foreign_worker_code
from {{ source('raw', 'german_credit') }}
