"""Ways in. Each channel turns what its world does into flow Inputs and flow Effects into what its world hears."""
