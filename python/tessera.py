"""The name under which `tessera_rec` was once imported; it still works, and says what to write.

PyPI has another project of this name: where that one is installed too, `import tessera` is that one, as a folder
comes before a file. `import tessera_rec` is always this one.
"""

import sys
import warnings

if __name__ == "__main__":
    from tessera_rec_program import main

    main()

import tessera_rec
from tessera_rec import interchange

warnings.warn("import tessera_rec: that name will stay", DeprecationWarning, stacklevel=2)
sys.modules[__name__] = tessera_rec
sys.modules[f"{__name__}.interchange"] = interchange
