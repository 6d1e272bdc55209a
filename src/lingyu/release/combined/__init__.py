"""Several adapters made one: the average of what they change, as a version of its own."""

from lingyu.training import import_bitsandbytes

import_bitsandbytes()  # before what is in here imports peft, which would import it its own way
