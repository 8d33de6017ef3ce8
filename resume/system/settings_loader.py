"""The loader of PyYAML for configurations: it reads plain words as the parser of the configuration reads them."""

import re

import yaml

_FLOAT = "tag:yaml.org,2002:float"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
# As in jsonargparse: 1e-3 is a number, as in YAML 1.2.
_FLOAT_FORM = re.compile(
    r"""^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)
    |\.[0-9_]+(?:[eE][-+][0-9]+)?
    |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)


class SettingsLoader(yaml.SafeLoader):
    """Dates stay texts, since no setting is a date."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and the form that PyYAML expects
        first: [(tag, form) for tag, form in resolvers if tag not in (_FLOAT, _TIMESTAMP)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


SettingsLoader.add_implicit_resolver(_FLOAT, _FLOAT_FORM, list("-+0123456789."))
