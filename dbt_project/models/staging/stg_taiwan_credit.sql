{%- set months = [
    ('sep', '0', '1'), ('aug', '2', '2'), ('jul', '3', '3'),
    ('jun', '4', '4'), ('may', '5', '5'), ('apr', '6', '6'),
] -%}
select
    client_id,
    default_next_month = 1 as is_default,
    limit_bal as credit_limit_twd,
    -- Published as 1 and 2; this edition has 0 and 1.
    case sex when 0 then 'male' when 1 then 'female' end as sex,
    age as age_years,
    case
        when education_1 = 1 then 'graduate school'
        when education_2 = 1 then 'university'
        when education_3 = 1 then 'high school'
        when education_4 = 1 then 'other'
        -- 5 and 6 are published as unknown; 0 is not in the published table at all.
        else 'unknown'
    end as education,
    case
        when marriage_1 = 1 then 'married'
        when marriage_2 = 1 then 'single'
        when marriage_3 = 1 then 'other'
        else 'unknown'
    end as marriage,
    -- The data set numbers September 2005 as 0 among the states, and as 1 among the amounts.
    {%- for month, state, amount in months %}
    pay_{{ state }} as repayment_status_{{ month }},
    {%- endfor %}
    {%- for month, state, amount in months %}
    bill_amt{{ amount }} as bill_{{ month }}_twd,
    {%- endfor %}
    {%- for month, state, amount in months %}
    pay_amt{{ amount }} as paid_{{ month }}_twd{{ "," if not loop.last }}
    {%- endfor %}
from {{ source('raw', 'taiwan_credit') }}
