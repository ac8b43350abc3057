"""What the engine would be told of a program: a resource monitor that answers as the engine's does, and writes it down.

Started by its path in the interpreter of somebody else's program, where mlplatform is not: it knows Pulumi and the
standard library only, and names its own modules relatively.
"""

from .monitor import ANSWERS as ANSWERS
from .monitor import DEFAULT_PLACE as DEFAULT_PLACE
from .monitor import FORMS as FORMS
from .monitor import REMOTE_LEAF as REMOTE_LEAF
from .monitor import SECRET as SECRET
from .monitor import SIGNATURE as SIGNATURE
from .monitor import UNKNOWN as UNKNOWN
from .monitor import Form as Form
from .monitor import Identity as Identity
from .monitor import Place as Place
from .monitor import Subject as Subject
from .monitor import holds_secret as holds_secret
from .monitor import identity_of as identity_of
from .monitor import is_unknown as is_unknown
from .monitor import raw_object as raw_object
from .monitor import record as record
from .monitor import revealed as revealed
from .monitor import secret_of as secret_of
from .monitor import struct_of as struct_of
