// Common code with the same inline classes: the variants' functions stand for its own.
#include "shapes.h"

Root *common_leaf() { return new Leaf<short>; }
int uses_box() { return Box<int>(2).get(); }
Root *also_leaf() { return new Leaf<int>; }
