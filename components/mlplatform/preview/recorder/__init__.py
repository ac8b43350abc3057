"""What the engine would be told of a program: a resource monitor that answers as the engine's does, and writes it down.

Started by its path in the interpreter of somebody else's program, where mlplatform is not: it knows Pulumi and the
standard library only, and names its own modules relatively.
"""

from .answers import ANSWERS as ANSWERS
from .identities import DEFAULT_PLACE as DEFAULT_PLACE
from .identities import FORMS as FORMS
from .identities import Form as Form
from .identities import Identity as Identity
from .identities import Place as Place
from .identities import Subject as Subject
from .identities import identity_of as identity_of
from .monitor import REMOTE_LEAF as REMOTE_LEAF
from .run import main as main
from .run import record as record
from .values import SECRET as SECRET
from .values import SIGNATURE as SIGNATURE
from .values import UNKNOWN as UNKNOWN
from .values import holds_secret as holds_secret
from .values import is_unknown as is_unknown
from .values import raw_object as raw_object
from .values import revealed as revealed
from .values import secret_of as secret_of
from .values import struct_of as struct_of
