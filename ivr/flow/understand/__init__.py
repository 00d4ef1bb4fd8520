"""What words mean: numbers, digits, amounts, dates, yes and no, names. Pure, and the same for speech and text.

Each reader gives every meaning that it finds, the likeliest first: which one holds is decided by whoever knows the
length, the check digit or the list that the answer must fit.
"""
