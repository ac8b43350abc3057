"""What `PYTHON recorder REQUEST.json` starts, in an interpreter that has Pulumi and need not have mlplatform."""

import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path

NAME = "_mlplatform_recorder"
"""Name of the package there: no module of the program is called so."""

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    # Python puts this folder first on its path, where the recorder's modules would shadow the program's.
    del sys.path[0]
    loader = SourceFileLoader(NAME, str(folder / "__init__.py"))
    spec = ModuleSpec(NAME, loader, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    recorder = sys.modules[NAME] = module_from_spec(spec)
    loader.exec_module(recorder)
    try:
        sys.exit(recorder.main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
