{# Schemas are called what the project calls them, in every environment: a branch is already
   private, so no prefix of the developer's name is needed. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
