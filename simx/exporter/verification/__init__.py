"""Does an export compute what torch computes, and is its graph what it has to be?"""
