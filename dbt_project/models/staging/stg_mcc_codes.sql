select mcc, description, _batch, _line
from {{ source('raw', 'mcc_codes') }}
