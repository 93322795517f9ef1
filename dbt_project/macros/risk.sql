{# Whether a merchant category is one of `high_risk_mccs`. #}
{% macro is_high_risk(mcc) -%}
    {{ mcc }} in ('{{ var("high_risk_mccs") | join("', '") }}')
{%- endmacro %}

{# A part of a whole, from 0 to 1; NULL where there is no whole. #}
{% macro share(part, whole) -%}
    cast({{ part }} as double) / nullif(cast({{ whole }} as double), 0)
{%- endmacro %}
